package main

import (
	"fmt"
	"strings"

	"warmline/media"
)

// audio is what a trunk is offered: codecs by preference, the packet time in
// milliseconds, and whether audio is encrypted.
func (t TrunkConfig) audio() (codecs []media.Codec, ptime int, security media.Security, err error) {
	for _, name := range t.Codecs {
		codec, ok := map[string]media.Codec{"pcma": media.PCMA, "pcmu": media.PCMU, "g722": media.G722}[strings.ToLower(name)]
		if !ok {
			return nil, 0, 0, fmt.Errorf("codec %q is not pcma, pcmu or g722", name)
		}
		codecs = append(codecs, codec)
	}
	switch t.PTime {
	case 0, 10, 20, 30, 40, 60:
	default:
		return nil, 0, 0, fmt.Errorf("ptime %d is not 10, 20, 30, 40 or 60", t.PTime)
	}
	security, ok := map[string]media.Security{
		"": media.SecurityOff, "off": media.SecurityOff, "optional": media.SecurityOptional, "required": media.SecurityRequired,
	}[t.SRTP]
	if !ok {
		return nil, 0, 0, fmt.Errorf("srtp %q is not off, optional or required", t.SRTP)
	}
	return codecs, t.PTime, security, nil
}
