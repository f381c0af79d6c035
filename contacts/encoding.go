package contacts

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// sniff is how much of a file decides on its encoding: enough for every header.
const sniff = 64 << 10

// decoded gives the file as UTF-8: a byte order mark decides, then whether the
// beginning is valid UTF-8, and else it is GB18030, what shop consoles export.
func decoded(r io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(r, sniff)
	head, err := in.Peek(sniff)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the beginning of the file: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		if _, err := in.Discard(3); err != nil {
			return nil, fmt.Errorf("skipping the byte order mark: %w", err)
		}
		return in, nil
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		utf16 := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
		return bufio.NewReaderSize(transform.NewReader(in, utf16.NewDecoder()), sniff), nil
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, errors.New("this is a workbook, not a text file; save it as CSV first")
	case validPrefix(head):
		return in, nil
	}
	return bufio.NewReaderSize(transform.NewReader(in, simplifiedchinese.GB18030.NewDecoder()), sniff), nil
}

// validPrefix allows the last character to be cut in the middle.
func validPrefix(b []byte) bool {
	for i := 0; i < utf8.UTFMax && len(b) > 0; i++ {
		if utf8.Valid(b) {
			return true
		}
		if len(b) < sniff-utf8.UTFMax { // the whole file is here: nothing was cut
			return false
		}
		b = b[:len(b)-1]
	}
	return len(b) == 0
}
