package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"warmline/contacts"
	"warmline/postgres"
	"warmline/postgres/pgtest"
	"warmline/sip"
	"warmline/sip/siptest"
)

// told is what one command line said.
type told struct {
	code     int
	out, err string
	took     time.Duration
}

// warmline runs one command line in this process.
func warmline(t *testing.T, env []string, args ...string) told {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	began := time.Now()
	code := Main(ctx, args, std{strings.NewReader(""), &out, &errs, env})
	if ctx.Err() != nil {
		t.Errorf("warmline %q did not end by itself", args)
	}
	return told{code, out.String(), errs.String(), time.Since(began)}
}

// testCall is one call of a test, with a data folder of its own.
type testCall struct {
	told
	callReport
	audit string
}

// call places a call to a peer with the short tree in tones.
func call(t *testing.T, env []string, number, trunk string, args ...string) testCall {
	t.Helper()
	dir := t.TempDir()
	c := testCall{told: warmline(t, append([]string{"WARMLINE_DATA_DIR=" + dir}, env...), append([]string{"call", number,
		"--trunk", "sip:" + trunk, "--dialog", "testdata/short-call.yaml", "--voice", "tones", "--json"}, args...)...)}
	if b, err := os.ReadFile(filepath.Join(dir, "audit.jsonl")); err == nil {
		c.audit = string(b)
	}
	if c.code == 0 {
		lines := strings.Split(strings.TrimSpace(c.out), "\n")
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &c.callReport); err != nil {
			t.Fatalf("the last line is no report: %v\n%s", err, c.out)
		}
	}
	return c
}

// freePort finds an even port that is free, with the next one, for UDP and TCP
// (a softphone takes TLS on the next). It lies below the range the kernel gives
// to clients and ours for RTP, so that nothing takes it meanwhile.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := 10240 + 2*rand.IntN(3000)
		if portsFree(port, port+1) {
			return strconv.Itoa(port)
		}
	}
	t.Fatal("no free port between 10240 and 16240")
	return ""
}

func portsFree(ports ...int) bool {
	for _, p := range ports {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(p))
		u, err := net.ListenPacket("udp", addr)
		if err != nil {
			return false
		}
		u.Close()
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// peer is another maker's program that is called. INVITE is repeated until it
// listens (RFC 3261 17.1.1.2, Timer A).
type peer struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

func startPeer(t *testing.T, debian, name string, args ...string) *peer {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("this test calls %s, which is not installed: apt-get install %s", name, debian)
	}
	p := &peer{cmd: exec.Command(path, args...)}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.cmd.Process.Kill()
			p.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", name, p.out.String())
		}
	})
	return p
}

// sipp starts SIPp as the callee of one call. It ends by itself and counts the
// call as good only if every message came in order.
func sipp(t *testing.T, args ...string) (p *peer, addr string) {
	t.Helper()
	port := freePort(t)
	return startPeer(t, "sip-tester", "sipp", append([]string{"-i", "127.0.0.1", "-p", port, "-mp", freePort(t), "-m", "1",
		"-nostdin", "-timeout", "30s", "-timeout_error"}, args...)...), "127.0.0.1:" + port
}

func (p *peer) wasContent(t *testing.T) {
	t.Helper()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the callee counted a failed call: %v", err)
	}
}

// talked fails unless a call was answered and sound went both ways.
func (c testCall) talked(t *testing.T, endedBy string) {
	t.Helper()
	if c.code != 0 || !c.Answered || c.Disposition != "answered" || c.SIPStatus != 200 || c.EndedBy != endedBy {
		t.Errorf("exit %d, %+v\n%s%s", c.code, c.callReport, c.out, c.err)
	}
	if c.RTP.Sent <= 50 || c.RTP.Received <= 50 || c.RTP.Lost > c.RTP.Received/10 {
		t.Errorf("RTP %+v, want more than 50 packets each way", c.RTP)
	}
	if c.TalkMS < 1000 || len(c.Transcript) == 0 || !strings.Contains(c.Transcript[0].Text, "AI助手") {
		t.Errorf("talked %d ms: %+v", c.TalkMS, c.Transcript)
	}
}

func TestCallToSIPpThatEchoes(t *testing.T) {
	t.Parallel()
	p, addr := sipp(t, "-sn", "uas", "-rtp_echo")
	c := call(t, nil, "1000", addr)
	c.talked(t, "us")
	for _, turn := range []string{"──> INVITE", "<── 180 Ringing", "<── 200 OK", "──> ACK", "──> BYE"} {
		if !strings.Contains(c.out, turn) {
			t.Errorf("the ladder lacks %q:\n%s", turn, c.out)
		}
	}
	p.wasContent(t)
}

func TestCallToASoftphone(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	startPeer(t, "baresip-core", "baresip", "-4", "-n", "127.0.0.1", "-f", softphone(t, port))
	for _, codec := range []string{"pcma", "pcmu"} {
		c := call(t, nil, "callee", "127.0.0.1:"+port, "--codec", codec, "--max-talk", "4s", "--ring-timeout", "5s")
		c.talked(t, "timeout") // a steady tone never lets the bot go on
	}
}

// softphone writes the folder of a baresip that answers by itself and sends a
// steady tone.
func softphone(t *testing.T, port string) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib*/baresip/modules/g711.so")
	if more, _ := filepath.Glob("/usr/lib/*/baresip/modules/g711.so"); len(more) > 0 {
		found = append(found, more...)
	}
	if err != nil || len(found) == 0 {
		t.Fatal("the modules of baresip are not installed: apt-get install baresip-core")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"config": fmt.Sprintf(`
sip_listen 127.0.0.1:%s
audio_source ausine,440
audio_player aubridge,nobody
audio_alert aubridge,nobody
ausrc_srate 48000
auplay_srate 8000
ausrc_channels 2
auplay_channels 1
module_path %s
module g711.so
module ausine.so
module aubridge.so
module_app account.so
module_app menu.so
`, port, filepath.Dir(found[0])),
		"accounts": "<sip:callee@127.0.0.1>;regint=0;answermode=auto\n",
		"contacts": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCallToABusyPhone(t *testing.T) {
	t.Parallel()
	p, addr := sipp(t, "-sf", "testdata/busy.xml")
	c := call(t, nil, "1000", addr)
	if c.code != 0 || c.Disposition != "busy" || c.Answered || c.SIPStatus != 486 || c.Q850 != 17 || c.RTP.Sent != 0 {
		t.Errorf("exit %d, %+v\n%s", c.code, c.callReport, c.err)
	}
	p.wasContent(t)
}

func TestCallToNobodyEndsSoonAndSaysWhy(t *testing.T) {
	t.Parallel()
	c := call(t, nil, "1000", "127.0.0.1:"+freePort(t), "--ring-timeout", "1s")
	if c.code != 0 || c.Disposition != "trunk_unavailable" || c.Answered || c.EndedBy != "timeout" || c.Reason != "no response from trunk" {
		t.Errorf("exit %d, %+v\n%s", c.code, c.callReport, c.err)
	}
	if c.took > 10*time.Second {
		t.Errorf("took %v", c.took)
	}
}

func TestCallThatCannotBeTriedIsExitOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, trunk, want string
		args              []string
	}{
		{"no such port", "127.0.0.1:99999", `port "99999"`, nil},
		{"no such tree", "127.0.0.1:5060", "reading the dialog tree", []string{"--dialog", "nothing.yaml"}},
		{"no such facts", "127.0.0.1:5060", "reading facts", []string{"--facts", "nothing.yaml"}},
		{"a caller ID with a line break", "127.0.0.1:5060", "caller ID", []string{"--from", "a\r\nX-Evil: 1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := call(t, nil, "1000", tt.trunk, tt.args...)
			if c.code != 1 || !strings.Contains(c.err, tt.want) || c.out != "" {
				t.Errorf("exit %d: %s%s", c.code, c.out, c.err)
			}
		})
	}
}

func TestEmergencyAndShortNumbersNeverLeaveTheMachine(t *testing.T) {
	t.Parallel()
	trunks := []string{"192.0.2.1:5060"} // RFC 5737: nobody's
	var listener net.PacketConn
	if ip := outwardIP(t); ip != "" { // our own address: a trunk that would see a packet
		var err error
		if listener, err = net.ListenPacket("udp", net.JoinHostPort(ip, "0")); err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		trunks = append(trunks, listener.LocalAddr().String())
	}
	for _, number := range []string{
		"110", "119", "120", "122", "12110", "112", "911", "999", "+86110", "0086110", "86 110", "1-1-0", "(110)", "１１０",
		"110;phone-context=+86", "*110", "110#", "#110*", "110,,1", "tel:110", "sip:110", "95588", "12345", "10086", "9110",
	} {
		for _, trunk := range trunks {
			c := call(t, nil, number, trunk, "--ring-timeout", "100ms", "--override", "a test")
			if c.code != 1 || !strings.Contains(c.err, "only dialed over a trunk on loopback") || c.audit != "" || c.out != "" {
				t.Errorf("%s over %s: exit %d %s%s", number, trunk, c.code, c.out, c.err)
			}
		}
	}
	if listener != nil {
		listener.SetReadDeadline(time.Now())
		if _, from, err := listener.ReadFrom(make([]byte, 1)); err == nil {
			t.Errorf("a packet came from %v", from)
		}
	}
}

// outwardIP is an address of this machine that is not loopback, or "".
func outwardIP(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	return ""
}

// busyNumber is a number whose person is busy in a simulated carrier.
func busyNumber(t *testing.T) string {
	t.Helper()
	for _, c := range siptest.Cases() {
		if c.Disposition == "busy" {
			return "13800138000"[:11-len(c.Suffix)] + c.Suffix
		}
	}
	t.Fatal("nobody of the simulated carrier is busy")
	return ""
}

func TestTheNumberCalledIsNotedAndSaidMaskedOnly(t *testing.T) {
	t.Parallel()
	number := busyNumber(t)
	addr := carrier(t)
	for _, written := range []string{number, "+86" + number, "0086" + number, number[:3] + "-" + number[3:7] + "-" + number[7:]} {
		c := call(t, nil, written, addr, "-v")
		var line map[string]string
		if err := json.Unmarshal([]byte(c.audit), &line); err != nil {
			t.Fatalf("%v in %q", err, c.audit)
		}
		if want := contacts.Phone("+86" + number).Masked(); line["number"] != want || line["action"] != "call" || line["trunk"] != addr || line["user"] == "" || line["at"] == "" {
			t.Errorf("the audit says %v", line)
		}
		for what, text := range map[string]string{"audit": c.audit, "output": c.out, "log": c.err} {
			if strings.Contains(text, number) || strings.Contains(text, written) {
				t.Errorf("the %s of a call to %q holds the whole number:\n%s", what, written, text)
			}
		}
	}
}

func carrier(t *testing.T) string {
	t.Helper()
	g, err := siptest.Start(siptest.Options{Addr: "127.0.0.1:0", Ring: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g.Addr()
}

func TestWhoAskedNotToBeCalledIsCalledOnlyWithAReason(t *testing.T) {
	t.Parallel()
	key := []byte(strings.Repeat("k", 32))
	url := pgtest.New(t, migrateTest)
	db, err := postgres.Open(t.Context(), url, postgres.Options{Key: key, KeyID: "k1"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	number := busyNumber(t)
	if err := db.OptOut(t.Context(), time.Now(), postgres.OptOutIn{Phone: contacts.Phone("+86" + number), Channels: []string{"all"}, Source: "manual"}); err != nil {
		t.Fatal(err)
	}
	addr := carrier(t)
	env := []string{"DATABASE_URL=" + url, "WARMLINE_SUPPRESSION_KEY=" + base64.StdEncoding.EncodeToString(key), "WARMLINE_SUPPRESSION_KEY_ID=k1"}
	for _, written := range []string{number, "+86 " + number} {
		if c := call(t, env, written, addr); c.code != 1 || !strings.Contains(c.err, "--override") || c.audit != "" || strings.Contains(c.err, number) {
			t.Errorf("exit %d: %s; audit %q", c.code, c.err, c.audit)
		}
	}
	if c := call(t, env, number, addr, "--override", "she asked us to call back"); c.code != 0 || c.Disposition != "busy" || !strings.Contains(c.audit, `"override":"she asked us to call back"`) {
		t.Errorf("exit %d, %+v: %s; audit %q", c.code, c.callReport, c.err, c.audit)
	}
	down := []string{"DATABASE_URL=postgres://nobody@127.0.0.1:1/none", env[1]}
	if c := call(t, down, number, addr); c.code != 1 || !strings.Contains(c.err, "whether the number is suppressed") || c.audit != "" {
		t.Errorf("with the store down: exit %d %s", c.code, c.err)
	}
}

func migrateTest(ctx context.Context, url string) error {
	db, err := postgres.Open(ctx, url, postgres.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Migrate(ctx)
}

func TestPeopleAndNamesAreDialedOverARealTrunk(t *testing.T) {
	for _, number := range []string{"13800138000", "+86 138-0013-8000", "02160001111", "alice", "ext110", "13800138000;tag=1"} {
		masked, err := testNumber(number, sip.Trunk{Addr: "192.0.2.1:5060"})
		if err != nil || strings.Contains(masked, "13800138000") {
			t.Errorf("%s: %q, %v", number, masked, err)
		}
	}
}
