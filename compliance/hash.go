package compliance

import (
	"crypto/hmac"
	"crypto/sha256"

	"warmline/contacts"
)

// HashPhone gives the 32 bytes under which a number is suppressed: HMAC-SHA256 of
// its E.164 form. With it an erased person stays suppressed although the number
// itself is gone; without the key the hash cannot be searched through.
func HashPhone(key []byte, p contacts.Phone) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(p.E164()))
	return mac.Sum(nil)
}
