package dialer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"warmline/dialogs"
	"warmline/media"
	"warmline/speech/speechtest"
)

// sides reads a stereo A-law WAV file.
func sides(t *testing.T, b []byte) (left, right []int16) {
	t.Helper()
	if len(b) < 44 || string(b[:4]) != "RIFF" || string(b[8:16]) != "WAVEfmt " || b[20] != 6 || b[22] != 2 {
		t.Fatalf("not a stereo A-law WAV: %x", b[:min(len(b), 44)])
	}
	i := bytes.Index(b, []byte("data"))
	if n := int(binary.LittleEndian.Uint32(b[i+4:])); n != len(b)-i-8 {
		t.Errorf("the header says %d bytes of sound, the file has %d", n, len(b)-i-8)
	}
	pcm := make([]int16, len(b)-i-8)
	media.DecodeALaw(pcm, b[i+8:])
	for i := 0; i+1 < len(pcm); i += 2 {
		left, right = append(left, pcm[i]), append(right, pcm[i+1])
	}
	return left, right
}

// loud reports whether somebody speaks in samples.
func loud(pcm []int16) bool {
	sum := 0
	for _, v := range pcm {
		sum += max(int(v), -int(v))
	}
	return sum/len(pcm) > 1000
}

// TestARecordingLiesBesideTheJournal: customer left, bot right, and a moment of
// the transcript is found in the file by the noted offset.
func TestARecordingLiesBesideTheJournal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dialer.Prompts = tonePrompts()
	j := w.job("recorded", "303")
	j.Record = t.TempDir()
	r := w.dialer.Place(t.Context(), j, &house{})
	if r.Recording == nil {
		t.Fatalf("nothing was recorded: %v\n%s", r.Err, tell(r))
	}
	path := filepath.Join(j.Record, r.Recording.File)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != r.Recording.SHA256 {
		t.Error("the sum is another file's")
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v; only its owner may read it", st.Mode(), err)
	}
	if strings.Contains(path, "138") || strings.Contains(path, "recorded") {
		t.Errorf("the name %s says whose it is", path)
	}
	left, right := sides(t, b)
	if got := strings.Join(speechtest.Hear(left), ""); !strings.Contains(got, "不要再打了") {
		t.Errorf("left is %q", got)
	}
	if got := strings.Join(speechtest.Hear(right), ""); !strings.Contains(got, "通话会录音") && !strings.Contains(got, "以后不再打给您") {
		t.Errorf("right is %q", got)
	}
	for _, turn := range r.Transcript { // a busy machine may damage a word, it does not move it
		at := int((turn.At - r.Recording.Begins + 200*time.Millisecond) * 8 / time.Millisecond)
		if turn.Who == "bot" && (at+1600 > len(right) || !loud(right[at:at+1600])) {
			t.Errorf("%q is not in the file at %v", turn.Text, turn.At)
		}
	}
	whole := r.EndedAt.Sub(r.AnsweredAt)
	if d := r.Recording.Duration; d < whole-time.Second || d > whole+time.Second || d != time.Duration(len(left))*time.Second/8000 {
		t.Errorf("the file has %v, the call took %v", d, whole)
	}
	begins := 0
	for begins < len(right) && right[begins] < 2000 {
		begins++
	}
	at := time.Duration(begins)*time.Second/8000 + r.Recording.Begins
	if diff := at - r.Transcript[0].At; diff < -200*time.Millisecond || diff > 200*time.Millisecond {
		t.Errorf("the first word is at %v in the file, at %v in the transcript", at, r.Transcript[0].At)
	}
	if r.MOS <= 0 || r.R <= 0 {
		t.Errorf("MOS %v, R %v", r.MOS, r.R)
	}
}

func TestWithoutAnAnnouncementNothingIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	src, err := os.ReadFile("../examples/dialogs/inbound.yaml")
	if err != nil {
		t.Fatal(err)
	}
	silent := strings.ReplaceAll(strings.ReplaceAll(string(src), "，通话会录音。", "。"), `      - "{{ contact.salutation }}，要帮您转同事吗？"`+"\n", "")
	if w.tree, err = dialogs.Parse("silent.yaml", []byte(silent)); err != nil {
		t.Fatal(err)
	}
	if w.tree.AnnouncesRecording() {
		t.Fatal("one of the first lines does not say it")
	}
	j := w.job("quiet", "309")
	j.Record = t.TempDir()
	r := w.dialer.Place(t.Context(), j, &house{})
	files, err := filepath.Glob(filepath.Join(j.Record, "*"))
	if r.Disposition != Answered || r.Recording != nil || err != nil || len(files) != 0 {
		t.Errorf("%s %+v %v %v", r.Disposition, r.Recording, files, err)
	}
}

func TestACallThatCannotBeRecordedGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.job("unkept", "309")
	j.Record = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(j.Record, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := w.dialer.Place(t.Context(), j, &house{}); r.Disposition != Answered || r.Recording != nil || r.Outcome != "not_interested" {
		t.Errorf("%s %s %+v", r.Disposition, r.Outcome, r.Recording)
	}
}
