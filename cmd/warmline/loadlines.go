package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"warmline/dialer"
)

// loadLine is what comes back for one line of warmline load -.
type loadLine struct {
	Line int `json:"line"`
	callFacts
}

// badLine is what comes back for a line that is no call, or whose call could
// not be tried.
type badLine struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

// written is a line of the input.
type written struct {
	n    int
	text string
	err  error
}

// lines places a call for each line of standard input, at once, and ends when
// the input has and the calls are over.
func (l *loader) lines(ctx context.Context) error {
	out := &lineWriter{w: l.app.std.out}
	l.tally.watch(l.phones)
	stop := l.watch()
	// Reading cannot be interrupted, so its goroutine may outlive Ctrl-C; it
	// ends with the process, or with the next line.
	in := make(chan written)
	go readLines(ctx, l.app.std.in, in)
	for open := true; open; {
		select {
		case w, ok := <-in:
			if open = ok; !ok {
				continue
			}
			l.hold(ctx)
			if err := l.take(ctx, w, out); err != nil {
				out.tell(badLine{w.n, err.Error()})
			}
		case <-ctx.Done():
			open = false
		}
		if out.failed() != nil {
			open = false // nobody reads
		}
	}
	l.calls.Wait()
	stop()
	l.tally.sample()
	rep := l.tally.report()
	rep.Interrupted = ctx.Err() != nil
	if l.cmd.JSON {
		if b, err := json.Marshal(rep); err == nil {
			fmt.Fprintf(l.app.std.err, "%s\n", b)
		}
	} else {
		rep.write(l.app.std.err)
	}
	return out.failed()
}

// take places the call of one line.
func (l *loader) take(ctx context.Context, w written, out *lineWriter) error {
	if w.err != nil {
		return w.err
	}
	number, addr, clip, err := parseLine(w.text)
	if err != nil {
		return err
	}
	o, err := l.order(number, addr, clip)
	if err != nil {
		return err
	}
	return l.place(ctx, o, func(r dialer.Result) {
		if r.Err != nil && r.InviteAt.IsZero() {
			out.tell(badLine{w.n, "the call could not be tried: " + r.Err.Error()})
			return
		}
		out.tell(loadLine{w.n, factsOf(r)})
	})
}

// parseLine reads «call sip:NUMBER@HOST:PORT CLIP»; the clip is - to hang up on
// answer, and may have spaces in its name.
func parseLine(s string) (number, addr, clip string, err error) {
	const form = "write it as call sip:NUMBER@HOST:PORT CLIP, or with - instead of the clip"
	word, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	if word != "call" {
		return "", "", "", fmt.Errorf("%.20q is no call: %s", word, form)
	}
	uri, clip, _ := strings.Cut(strings.TrimSpace(rest), " ")
	clip = strings.TrimSpace(clip)
	uri, isSIP := strings.CutPrefix(uri, "sip:")
	at := strings.LastIndexByte(uri, '@')
	if !isSIP || at <= 0 || at == len(uri)-1 {
		return "", "", "", errors.New("the peer is no sip:NUMBER@HOST:PORT: " + form)
	}
	if clip == "" {
		return "", "", "", errors.New("there is no clip: " + form)
	}
	number, addr = uri[:at], uri[at+1:]
	host, port, splitErr := net.SplitHostPort(addr)
	if splitErr != nil {
		host, port = addr, "5060"
	}
	if p, perr := strconv.ParseUint(port, 10, 16); host == "" || perr != nil || p == 0 {
		return "", "", "", fmt.Errorf("the peer's address %q has no port from 1 to 65535", addr)
	}
	return number, net.JoinHostPort(strings.Trim(host, "[]"), port), clip, nil
}

// longestLine bounds what one line may take.
const longestLine = 4096

// readLines sends each line that is not blank, a longer one as its error, and
// closes in when the input ends.
func readLines(ctx context.Context, r io.Reader, in chan<- written) {
	defer close(in)
	br := bufio.NewReaderSize(r, longestLine)
	for n := 1; ; n++ {
		b, err := br.ReadSlice('\n')
		w := written{n: n, text: string(bytes.TrimSpace(b))}
		for errors.Is(err, bufio.ErrBufferFull) { // to its end
			w.text, w.err = "", fmt.Errorf("the line is longer than %d bytes", longestLine)
			_, err = br.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			w.err = fmt.Errorf("reading calls: %w", err)
		}
		if w.text != "" || w.err != nil {
			select {
			case in <- w:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// lineWriter writes one JSON object a line, from any goroutine, and remembers
// the first error.
type lineWriter struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

func (o *lineWriter) tell(v any) {
	b, err := json.Marshal(v)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil && o.err == nil {
		_, err = o.w.Write(append(b, '\n'))
	}
	if o.err == nil && err != nil {
		o.err = fmt.Errorf("writing results: %w", err)
	}
}

func (o *lineWriter) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
