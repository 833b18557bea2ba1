package rollout

import "time"

const (
	// quietStart is how long a wait may take without a word.
	quietStart = time.Second
	// quietBetween is the least time between two words of one wait.
	quietBetween = 3 * time.Second
)

// narration tells what a wait waits for: calmly, so that a reader at 3 a.m. sees
// what lasts and not what passes; and always the newest, once it is due.
type narration struct {
	say         func(string)
	now         func() time.Time
	began, last time.Time
	said, text  string
}

// update takes the newest text and says it if it is due; otherwise it tells
// after how long it will be. Zero: nothing is left to say.
func (n *narration) update(text string) time.Duration {
	n.text = text
	if text == n.said {
		return 0
	}
	due := n.began.Add(quietStart)
	if !n.last.IsZero() {
		due = n.last.Add(quietBetween)
	}
	if left := due.Sub(n.now()); left > 0 {
		return left
	}
	n.repeat()
	return 0
}

// repeat says the newest text now.
func (n *narration) repeat() {
	n.said, n.last = n.text, n.now()
	n.say(n.text)
}

// after is a timer's channel, or one that never fires for zero.
func after(d time.Duration) (<-chan time.Time, func()) {
	if d == 0 {
		return nil, func() {}
	}
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
