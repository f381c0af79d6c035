package main

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"warmline/compliance"
	"warmline/contacts"
	"warmline/messaging"
	"warmline/postgres"
	"warmline/web"
	"warmline/wecom"
)

// friends carries a yes to a friendship: it gives members their tasks, sends
// the one text a person asked for, takes what WeCom and the SMS provider push,
// and finds again what their pushes lost.
type friends struct {
	db       *postgres.DB
	client   *wecom.Client
	sender   messaging.Sender
	callback *wecom.Callback
	config   Config
	clock    *clock
	url      string
	decide   decider
	spool    *spool // while it holds an opt-out, nobody is texted or invited from here
	log      *slog.Logger

	mu    sync.Mutex
	cards map[string][]time.Time // member → cards of the last minute
	links map[string]wecom.Link  // member → acquisition link
}

// cardsAMinute keeps below the 30 app messages a minute to one member beyond
// which WeCom drops in silence (developer.work.weixin.qq.com 90236).
const cardsAMinute = 25

func newFriends(h *house, s *spool) (*friends, error) {
	f := &friends{
		db: h.stores.db, config: h.config, clock: h.clock, url: h.url, spool: s, log: h.log, decide: h.decide,
		cards: map[string][]time.Time{}, links: map[string]wecom.Link{},
	}
	w, sms := h.config.WeCom, h.config.SMS
	if w.CorpID != "" {
		f.client = &wecom.Client{CorpID: w.CorpID, Secret: w.Secret, BaseURL: w.BaseURL, Now: h.clock.now, Log: h.log}
		var err error
		if w.Token != "" {
			f.callback, err = wecom.NewCallback(wecom.CallbackConfig{
				Token: w.Token, AESKey: w.AESKey, Receive: w.CorpID, Now: h.clock.now, Log: h.log, Consume: f.consume,
			})
		}
		if err != nil {
			return nil, err
		}
	}
	if sms.SecretID != "" {
		f.sender = &messaging.Tencent{AppID: sms.AppID, SecretID: sms.SecretID, SecretKey: sms.SecretKey, BaseURL: sms.BaseURL, Now: h.clock.now, Log: h.log}
	}
	return f, nil
}

// saveMembers brings the configured members into the store.
func saveMembers(ctx context.Context, db *postgres.DB, now time.Time, cfg Config) error {
	var list []postgres.Member
	for _, m := range cfg.WeCom.Members {
		if m.Daily == 0 {
			m.Daily = wecom.DefaultDaily
		}
		list = append(list, postgres.Member{UserID: m.ID, Name: m.Name, Daily: m.Daily, Active: true})
	}
	return db.SaveMembers(ctx, now, list)
}

// run keeps members up to date and reconciles until ctx ends.
func (f *friends) run(ctx context.Context) error {
	if err := saveMembers(ctx, f.db, f.clock.now(), f.config); err != nil {
		return err
	}
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for f.client != nil {
		if err := f.reconcile(ctx); err != nil && ctx.Err() == nil {
			f.log.Warn("reconciling friends", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	return nil
}

// invite handles an invitation's wake-up: the reserved member gets a card.
func (f *friends) invite(ctx context.Context, key string) error {
	id, err := strconv.ParseInt(key, 10, 64)
	if err != nil {
		return fmt.Errorf("invitation %q: %w", key, err)
	}
	if f.client == nil {
		return errors.New("an invitation waits and wecom is not configured")
	}
	i, err := f.db.Invitation(ctx, id)
	if err != nil {
		return err
	}
	// An offered task whose card was not taken is sent again, under the same
	// task ID: WeCom drops a repeat.
	again := i.State == wecom.Offered && i.Channel == wecom.ByTask
	if i.State != wecom.Consented && !again {
		return f.db.InvitationCarried(ctx, f.clock.now(), id)
	}
	if f.spool.waiting() > 0 || !f.roomForCard(i.Member) {
		return nil // the relay wakes again
	}
	token := i.Token
	if !again {
		if token, err = wecom.NewState("wt", rand.Reader); err != nil {
			return err
		}
		ok, err := f.db.OfferInvitation(ctx, f.clock.now(), id, "", token)
		if err != nil || !ok {
			return err
		}
	}
	name := i.Name
	if name == "" {
		name = "客户"
	}
	page := f.url + "/m/" + token
	sent, err := f.client.Send(ctx, wecom.AppMessage{To: []string{i.Member}, AgentID: f.config.WeCom.AgentID, TaskCard: &wecom.TaskCard{
		TaskID: token, Title: "待添加客户 1 人", Desc: "客户在电话里同意了加企业微信，请在30分钟内添加。", URL: page,
		Rows:    []wecom.CardRow{{Key: "客户", Value: name}, {Key: "号码", Value: i.Phone.Masked()}, {Key: "同意时间", Value: i.ReservedAt.In(shanghai).Format("01-02 15:04")}},
		Buttons: []wecom.CardButton{{Text: "去添加", Key: "open", URL: page}, {Text: "搜索不到", Key: "not_found"}},
	}})
	if err == nil && len(sent.Invalid) > 0 {
		err = fmt.Errorf("WeCom does not know member %s", i.Member)
	}
	if err != nil {
		return fmt.Errorf("the card of invitation %d was not taken and is tried again: %w", id, err)
	}
	return f.db.InvitationCarried(ctx, f.clock.now(), id)
}

var shanghai = func() *time.Location {
	l, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return time.FixedZone("CST", 8*60*60)
	}
	return l
}()

// roomForCard counts a card against its member's minute.
func (f *friends) roomForCard(member string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	recent := f.cards[member][:0]
	for _, t := range f.cards[member] {
		if now.Sub(t) < time.Minute {
			recent = append(recent, t)
		}
	}
	if len(recent) >= cardsAMinute {
		f.cards[member] = recent
		return false
	}
	f.cards[member] = append(recent, now)
	return true
}

// message handles a text's wake-up: the one SMS a person said yes to.
func (f *friends) message(ctx context.Context, key string) error {
	id, err := strconv.ParseInt(key, 10, 64)
	if err != nil {
		return fmt.Errorf("message %q: %w", key, err)
	}
	if f.sender == nil || f.client == nil {
		return errors.New("a message waits, and sms or wecom is not configured")
	}
	if f.spool.waiting() > 0 {
		return nil // the relay wakes again
	}
	now := f.clock.now()
	policy, err := compliance.Preset("cn-marketing")
	if err != nil {
		return err
	}
	m, ok, err := f.db.ClaimMessage(ctx, now, id, func(s compliance.Subject) compliance.Verdict {
		s.Disclosed = true // the text names the brand and how to refuse
		// The yes to the SMS question, kept with the attempt, is the consent to
		// this one text.
		s.Consents = append(s.Consents, contacts.Consent{Phone: s.Phone, Brand: s.Brand, Purpose: string(compliance.Marketing),
			Channels: []string{string(compliance.SMS)}, TextVersion: "call", Source: "call", At: now.Add(-time.Second), Expires: now.AddDate(0, 0, 1), Proof: "yes on a call"})
		return f.decide(now, policy, s)
	})
	if err != nil || !ok {
		return err
	}
	code, err := f.offerByLink(ctx, m)
	if err != nil {
		return errors.Join(err, f.db.MessageFailed(ctx, f.clock.now(), id, err.Error()))
	}
	text := strings.ReplaceAll(f.config.SMS.Text, "{1}", code)
	r, err := f.sender.Send(ctx, messaging.Message{
		ID: "w" + key, To: m.Phone, Template: f.config.SMS.Template, Sign: f.config.SMS.Sign, Params: []string{code}, Text: text, Promotion: true,
	})
	switch {
	case err == nil:
		return f.db.MessageSent(ctx, f.clock.now(), id, r.Serial, text)
	case errors.Is(err, messaging.ErrUnknown):
		return errors.Join(err, f.db.MessageUnknown(ctx, f.clock.now(), id, err.Error()))
	}
	return errors.Join(err, f.db.MessageFailed(ctx, f.clock.now(), id, err.Error()))
}

// codeKind marks tokens whose rest is typed by people.
const codeKind = "wl"

// offerByLink prepares the person's way to a member and returns the code that
// opens it. Providers forbid links in variables, so the text holds the brand's
// own fixed page and a code.
func (f *friends) offerByLink(ctx context.Context, m postgres.Message) (code string, err error) {
	now := f.clock.now()
	_, id, ok, err := f.db.ReserveInvitation(ctx, now, m.Attempt, m.ContactID)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", errors.New("no_room")
	}
	i, err := f.db.Invitation(ctx, id)
	if err != nil {
		return "", err
	}
	link, err := f.link(ctx, i.Member)
	if err != nil {
		return "", err
	}
	raw := make([]byte, 5) // 40 bits: a code of 8 letters and digits
	rand.Read(raw)
	code = base32.StdEncoding.EncodeToString(raw)
	url, err := wecom.LinkURL(link.URL, codeKind+code)
	if err != nil {
		return "", err
	}
	if ok, err = f.db.OfferInvitation(ctx, now, id, url, codeKind+code); err != nil {
		return "", err
	}
	if !ok {
		return "", errors.New("nothing to offer any more")
	}
	return code, nil
}

// link is the member's acquisition link, made the first time.
func (f *friends) link(ctx context.Context, member string) (wecom.Link, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l, ok := f.links[member]; ok {
		return l, nil
	}
	members, err := f.db.Members(ctx, f.clock.now())
	if err != nil {
		return wecom.Link{}, err
	}
	for _, m := range members {
		if m.UserID != member {
			continue
		}
		if m.LinkURL != "" {
			f.links[member] = wecom.Link{ID: m.LinkID, URL: m.LinkURL}
			return f.links[member], nil
		}
		l, err := f.client.CreateLink(ctx, wecom.NewLink{Name: "warmline " + member, Members: []string{member}})
		if err != nil {
			return l, err
		}
		m.LinkID, m.LinkURL = l.ID, l.URL
		f.links[member] = l
		return l, f.db.SaveMembers(ctx, f.clock.now(), []postgres.Member{m})
	}
	return wecom.Link{}, fmt.Errorf("no member %q", member)
}

// code turns what a person typed into the person's link.
func (f *friends) code(ctx context.Context, code string) (string, error) {
	i, err := f.db.InvitationByToken(ctx, codeKind+strings.ToUpper(strings.TrimSpace(code)))
	if err != nil {
		return "", err
	}
	if i.URL == "" || i.State == wecom.OptedOut {
		return "", postgres.ErrNotFound
	}
	if _, err := f.db.AdvanceInvitation(ctx, f.clock.now(), i.ID, wecom.StepClick); err != nil {
		return "", err
	}
	return i.URL, nil
}

// reveal gives a member the number of one task.
func (f *friends) reveal(ctx context.Context, task string) (web.Task, error) {
	i, err := f.db.Reveal(ctx, f.clock.now(), task)
	if err != nil {
		return web.Task{}, err
	}
	return web.Task{
		Member: i.MemberName, Salutation: i.Name, Phone: i.Phone.National(),
		Greeting: "您好，我是" + f.config.Brand + "的" + i.MemberName + "，电话约好的，麻烦通过一下。",
	}, nil
}

// consume takes one push of WeCom. Each effect may be asked for twice; what is
// lost all the same, the reconciler finds.
func (f *friends) consume(ctx context.Context, e wecom.Event) error {
	now := f.clock.now()
	switch e.Topic() {
	case wecom.FriendAdded:
		if err := f.befriend(ctx, e); err != nil {
			return err
		}
	case wecom.CustomerDeleted, wecom.MemberDeleted:
		step := e.Step()
		if step == "" {
			step = wecom.StepTransfer
		}
		if _, err := f.db.LoseFriend(ctx, e.At, e.ExternalUserID, e.UserID, step); err != nil {
			return err
		}
	case wecom.TaskPressed:
		i, err := f.db.InvitationByToken(ctx, e.TaskID)
		if err == nil && e.EventKey == "not_found" {
			_, err = f.db.AdvanceInvitation(ctx, now, i.ID, wecom.StepNotFound)
		}
		if err != nil && !errors.Is(err, postgres.ErrNotFound) {
			return err
		}
	default:
		if e.State == "" || e.Step() == "" {
			break
		}
		i, err := f.db.InvitationByToken(ctx, e.State)
		if err == nil {
			_, err = f.db.AdvanceInvitation(ctx, now, i.ID, e.Step())
		}
		if err != nil && !errors.Is(err, postgres.ErrNotFound) {
			return err
		}
	}
	_, err := f.db.SaveEvent(ctx, now, e)
	return err
}

// befriend keeps a new friendship and greets the friend while the welcome code
// lives.
func (f *friends) befriend(ctx context.Context, e wecom.Event) error {
	got := wecom.Friendship{Member: e.UserID, Customer: e.ExternalUserID, State: e.State, Since: e.At}
	c, err := f.client.Get(ctx, e.ExternalUserID)
	if err != nil && e.State == "" {
		return err // without the list nothing says whose friend this is
	}
	for _, have := range c.Friends {
		if have.Member == e.UserID {
			got = have
			if got.State == "" {
				got.State = e.State
			}
		}
	}
	b, err := f.db.Befriend(ctx, f.clock.now(), got)
	if err != nil {
		return err
	}
	if b.Invitation.ID == 0 || b.Evidence == wecom.Forwarded {
		return nil // a stranger is not greeted with somebody else's story
	}
	if e.WelcomeCode != "" && b.Invitation.State != wecom.OptedOut {
		text := "您好，我是" + f.config.Brand + "的" + b.Invitation.MemberName + "，刚才电话里约好的。有什么想问的，随时在这里找我。"
		if err := f.client.SendWelcome(ctx, e.WelcomeCode, text, e.At); err != nil {
			f.log.Warn("a welcome was not sent", "invitation", b.Invitation.ID, "err", err)
		}
	}
	want := wecom.Remark{Member: e.UserID, Customer: e.ExternalUserID, Remark: b.Invitation.Name}
	if fill, ok := wecom.FillRemark(got, want); ok && want.Remark != "" {
		if err := f.client.Remark(ctx, fill); err != nil {
			f.log.Warn("a remark was not filled", "invitation", b.Invitation.ID, "err", err)
		}
	}
	return nil
}

// reconcile reads all friends of all members and keeps those a callback lost.
func (f *friends) reconcile(ctx context.Context) error {
	var ids []string
	for _, m := range f.config.WeCom.Members {
		ids = append(ids, m.ID)
	}
	if len(ids) == 0 {
		return nil
	}
	for got, err := range f.client.ByMembers(ctx, ids) {
		if err != nil {
			return err
		}
		if _, err := f.db.Befriend(ctx, f.clock.now(), got); err != nil {
			return err
		}
	}
	return nil
}

// wecomCallback is the handler of WeCom's pushes, or nil.
func (f *friends) wecomCallback() http.Handler {
	if f.callback == nil {
		return nil
	}
	return f.callback
}

// receipts handles what became of texts.
func (f *friends) receipts() http.Handler {
	return messaging.DeliveryHandler(f.config.SMS.CallbackPath, func(ctx context.Context, list []messaging.Delivery) error {
		for _, d := range list {
			if _, err := f.db.MessageReceipt(ctx, f.clock.now(), d.Serial, d.Delivered, d.Code); err != nil {
				return err
			}
		}
		return nil
	})
}

// replies handles what people wrote back: a word that means stop is an opt-out
// from everything.
func (f *friends) replies() http.Handler {
	return messaging.ReplyHandler(f.config.SMS.CallbackPath, func(ctx context.Context, list []messaging.Reply) error {
		for _, r := range list {
			if !messaging.OptOutWord(r.Text) {
				continue
			}
			if err := f.db.InboundOptOut(ctx, f.clock.now(), r.From, r.Text); err != nil {
				return err
			}
		}
		return nil
	})
}
