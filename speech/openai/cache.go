package openai

import (
	"container/list"
	"strings"
	"sync"

	"warmline/dialogs"
)

// kept is how many answers are remembered.
const kept = 1024

// cache holds the last answers by question; the one unused for longest goes first.
// What it holds was redacted before.
type cache struct {
	mu    sync.Mutex
	byKey map[string]*list.Element
	order list.List // most recent first
}

type answer struct {
	key     string
	reading dialogs.Reading
}

// cacheKey is all an answer depends on; the model is the client's.
func cacheKey(d dialogs.Doubt) string {
	return strings.Join(append([]string{d.Lang, d.Asked, d.Text}, d.Intents...), "\x00")
}

func (c *cache) get(key string) (dialogs.Reading, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return dialogs.Reading{}, false
	}
	c.order.MoveToFront(e)
	return e.Value.(answer).reading, true
}

func (c *cache) put(key string, r dialogs.Reading) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = map[string]*list.Element{}
	}
	if e, ok := c.byKey[key]; ok {
		e.Value = answer{key, r}
		c.order.MoveToFront(e)
		return
	}
	c.byKey[key] = c.order.PushFront(answer{key, r})
	if len(c.byKey) > kept {
		last := c.order.Back()
		delete(c.byKey, c.order.Remove(last).(answer).key)
	}
}
