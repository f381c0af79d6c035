package siptest

import "strings"

// splitList takes a comma list apart, leaving commas inside quotes and angle
// brackets alone (RFC 3261 7.3.1).
func splitList(s string) []string {
	var out []string
	start, quoted, angle := 0, false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '<' && !quoted:
			angle = true
		case c == '>' && !quoted:
			angle = false
		case c == ',' && !quoted && !angle:
			out = append(out, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	return append(out, strings.TrimSpace(s[start:]))
}

// param returns a header parameter, outside the angle brackets of an address.
func param(value, name string) string {
	if i := strings.LastIndexByte(value, '>'); i >= 0 {
		value = value[i+1:]
	}
	for _, p := range strings.Split(value, ";")[1:] {
		k, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return ""
}

// addressURI returns the URI of a name-addr or addr-spec: what stands between
// the angle brackets, or all before the first parameter.
func addressURI(value string) string {
	if i := strings.IndexByte(value, '<'); i >= 0 {
		uri, _, _ := strings.Cut(value[i+1:], ">")
		return uri
	}
	uri, _, _ := strings.Cut(value, ";")
	return strings.TrimSpace(uri)
}

// userOf returns the user part of a SIP or tel URI.
func userOf(uri string) string {
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok {
		return ""
	}
	if user, _, ok := strings.Cut(rest, "@"); ok {
		user, _, _ = strings.Cut(user, ";")
		user, _, _ = strings.Cut(user, ":")
		return user
	}
	if !strings.EqualFold(scheme, "tel") {
		return ""
	}
	user, _, _ := strings.Cut(rest, ";")
	return user
}

// splitParams and joinParams take a Via apart at its semicolons and back.
func splitParams(s string) []string {
	p := strings.Split(s, ";")
	for i := range p {
		p[i] = strings.TrimSpace(p[i])
	}
	return p
}

func joinParams(p []string) string { return strings.Join(p, ";") }
