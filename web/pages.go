package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html/template"
	"net"
	"net/http"
	"sync"
	"time"

	"warmline/postgres"
)

// pageCSP lets a page load nothing but itself and its one script.
var pageCSP = "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; " +
	"script-src 'sha256-" + scriptHash + "'"

var scriptHash = func() string {
	sum := sha256.Sum256([]byte(taskScript))
	return base64.StdEncoding.EncodeToString(sum[:])
}()

const taskScript = `
document.getElementById("b").onclick = async () => {
  const o = document.getElementById("o"), g = document.getElementById("g");
  const r = await fetch(location.pathname + "/reveal", {method: "POST"});
  if (!r.ok) { o.textContent = "这条任务已经结束，不再显示号码。"; return; }
  const t = await r.json();
  o.textContent = t.phone;
  g.textContent = "验证消息请写：" + t.greeting;
  try { await navigator.clipboard.writeText(t.phone); } catch (e) {}
};
`

var taskPage = template.Must(template.New("task").Parse(`<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>加粉任务 · {{.Brand}}</title>
<style>body{font:17px/1.6 system-ui,sans-serif;max-width:26rem;margin:2rem auto;padding:0 1rem}button{font:inherit;padding:.7rem 1.2rem;width:100%;border:0;border-radius:.5rem;background:#07c160;color:#fff}output{display:block;font-size:1.6rem;margin:1rem 0;user-select:all}p{color:#555}</style>
<h1>加粉任务</h1>
<p>客户在电话里同意了加企业微信。点一下显示号码（会记录谁在何时查看），复制后到企业微信里添加。</p>
<button id="b">显示号码并复制</button>
<output id="o" aria-live="polite"></output>
<p id="g"></p>
<script>` + taskScript + `</script>
</html>`))

var codePage = template.Must(template.New("code").Parse(`<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{.Brand}}</title>
<style>body{font:17px/1.6 system-ui,sans-serif;max-width:26rem;margin:2rem auto;padding:0 1rem}input,button{font:inherit;padding:.7rem;width:100%;box-sizing:border-box;margin:.4rem 0;border-radius:.5rem;border:1px solid #bbb}button{border:0;background:#07c160;color:#fff}</style>
<h1>{{.Brand}}</h1>
<form method="post" action="/f"><label for="c">短信里的口令</label>
<input id="c" name="c" value="{{.Code}}" autocomplete="one-time-code" required maxlength="16">
<button>添加客服企业微信</button></form>
{{with .Problem}}<p role="alert">{{.}}</p>{{end}}
</html>`))

func (s *server) page(w http.ResponseWriter, status int, t *template.Template, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", pageCSP)
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := t.Execute(w, data); err != nil {
		s.Log.Warn("a page", "err", err)
	}
}

// taskPage is what a member's card opens. The number is not on it.
func (s *server) taskPage(w http.ResponseWriter, r *http.Request) {
	s.page(w, http.StatusOK, taskPage, map[string]string{"Brand": s.Brand})
}

// reveal gives the number of an open task, once asked for, with an audit line.
func (s *server) reveal(w http.ResponseWriter, r *http.Request) {
	if s.Reveal == nil || !s.guesses.allow(host(r), time.Now()) {
		http.Error(w, "try again later", http.StatusTooManyRequests)
		return
	}
	t, err := s.Reveal(r.Context(), r.PathValue("task"))
	switch {
	case errors.Is(err, postgres.ErrNotFound):
		s.guesses.wrong(host(r))
		http.NotFound(w, r)
		return
	case err != nil:
		s.Log.Warn("revealing", "err", err)
		http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(t)
}

// codePage asks for the code of a text message; a code in the address goes on
// at once.
func (s *server) codePage(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("c") != "" {
		s.code(w, r)
		return
	}
	s.page(w, http.StatusOK, codePage, map[string]string{"Brand": s.Brand})
}

// code sends the person who typed a code on to the person's own link.
func (s *server) code(w http.ResponseWriter, r *http.Request) {
	code := r.FormValue("c")
	refuse := func(status int, problem string) {
		s.page(w, status, codePage, map[string]string{"Brand": s.Brand, "Code": code, "Problem": problem})
	}
	if s.Code == nil || !s.guesses.allow(host(r), time.Now()) {
		refuse(http.StatusTooManyRequests, "请稍后再试。")
		return
	}
	link, err := s.Code(r.Context(), code)
	switch {
	case errors.Is(err, postgres.ErrNotFound):
		s.guesses.wrong(host(r))
		refuse(http.StatusNotFound, "口令不对，请照短信再输一次。")
	case err != nil:
		s.Log.Warn("a code", "err", err)
		refuse(http.StatusServiceUnavailable, "系统忙，请稍后再试。")
	default:
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, link, http.StatusFound)
	}
}

// guessGuard slows those who try codes: after most wrong ones within a minute an
// address is not answered until the minute is over. A code has 40 random bits.
type guessGuard struct {
	mu   sync.Mutex
	from time.Time
	n    map[string]int // address → wrong guesses of this minute
}

const (
	mostWrong = 20
	mostAddrs = 10000 // beyond it everybody waits: somebody is trying with a crowd
)

func (g *guessGuard) allow(addr string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.from) > time.Minute {
		g.from, g.n = now, map[string]int{}
	}
	return g.n[addr] < mostWrong && len(g.n) < mostAddrs
}

func (g *guessGuard) wrong(addr string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n[addr]++
}

func host(r *http.Request) string {
	h, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return h
}
