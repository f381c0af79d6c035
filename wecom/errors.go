package wecom

import (
	"errors"
	"fmt"
	"time"
)

// The codes of WeCom that this room acts on (global error codes, doc 90313).
const (
	CodeBusy           = -1    // system busy
	CodeSecret         = 40001 // wrong secret: never retried, repeated mistakes ban our address
	CodeCorpID         = 40013 // wrong corp ID
	CodeTokenBad       = 40014 // access token is not valid
	CodeMember         = 40031 // member outside the app's scope
	CodeBadParam       = 40058 // a parameter is missing or too long
	CodeTagID          = 40068 // unknown tag
	CodeExternal       = 40096 // unknown external_userid
	CodeNotVerified    = 40098 // member has not verified a real name
	CodeMemberFull     = 40099 // member holds as many customers as allowed
	CodeWelcomeExpired = 41050 // welcome code older than 20 s or unknown
	CodeWelcomeDone    = 41051 // a welcome was delivered already, or they talk already
	CodeWelcomeRace    = 41096 // another app is sending the welcome right now
	CodeInactive       = 41054 // member never activated WeCom
	CodeDispatching    = 41063 // group message being dispatched
	CodeLinks          = 41095 // too many acquisition links
	CodeTokenExpired   = 42001 // access token has expired
	CodeRate           = 45009 // too many calls
	CodeConcurrency    = 45033 // too many calls at the same time
	CodeScope          = 48002 // app is not among 可调用接口的应用
	CodeConflict       = 6000  // version conflict
	CodeNoScope        = 60011 // member or department outside the app's scope
	CodeIP             = 60020 // our address is not among 企业可信IP
	CodeNoMember       = 60111 // no such member
	CodeNoLicence      = 701008
	CodeNobody         = 81013 // every recipient is invalid
	CodeNoRelation     = 84061 // not friends: deleted by the member, or half-added only
)

// APIError is a refusal by WeCom. Choose by Code or Kind; Msg changes without
// notice and is for people only.
type APIError struct {
	Code int    // errcode
	Msg  string // errmsg
	API  string // path below /cgi-bin/, such as "externalcontact/remark"
}

func (e *APIError) Error() string {
	return fmt.Sprintf("wecom %s: %d %s", e.API, e.Code, e.Msg)
}

// Kind says what a caller can do about a refusal.
type Kind string

// The kinds of refusal.
const (
	KindLater     Kind = "later"     // the same call may work in a while
	KindToken     Kind = "token"     // access token; the client renews it by itself
	KindConfig    Kind = "config"    // a person must change a setting; retrying harms
	KindMember    Kind = "member"    // leave this member out of invitations
	KindRelation  Kind = "relation"  // no friendship (any more, or yet)
	KindDone      Kind = "done"      // it happened already
	KindPermanent Kind = "permanent" // this call can never work
)

// Kind sorts the refusal by what can be done about it.
func (e *APIError) Kind() Kind {
	switch e.Code {
	case CodeBusy, CodeConflict, CodeRate, CodeConcurrency, CodeDispatching, CodeWelcomeRace:
		return KindLater
	case CodeTokenBad, CodeTokenExpired:
		return KindToken
	case CodeSecret, CodeCorpID, CodeScope, CodeIP, CodeNoScope, CodeNoMember, CodeMember, 40032:
		return KindConfig
	case CodeInactive, CodeNotVerified, CodeMemberFull, CodeNoLicence:
		return KindMember
	case CodeNoRelation:
		return KindRelation
	case CodeWelcomeDone:
		return KindDone
	}
	return KindPermanent
}

// ErrNoAnswer means that WeCom's answer never came whole: the call may have
// worked. Look (list, get) before doing it again.
var ErrNoAnswer = errors.New("wecom gave no whole answer")

// PausedError means that an API rests after a rate refusal; nothing was sent.
type PausedError struct {
	API   string
	Until time.Time // when the window of the refusal ends, by the client's clock
	Cause error     // the *APIError that began the pause
}

func (e *PausedError) Error() string {
	return fmt.Sprintf("wecom %s rests until %s: %v", e.API, e.Until.Format(time.TimeOnly), e.Cause)
}

// Unwrap gives the refusal that began the pause.
func (e *PausedError) Unwrap() error { return e.Cause }

// Code gives the errcode inside err, or 0 when there is none.
func Code(err error) int {
	if e, ok := errors.AsType[*APIError](err); ok {
		return e.Code
	}
	return 0
}
