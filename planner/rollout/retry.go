package rollout

import "errors"

// notYet is a reason to look again, in words for people; it is no failure.
type notYet string

func (n notYet) Error() string { return string(n) }

// retryChanged turns what can mend itself (a changed object, a condition that
// does not hold yet) into something to wait for.
func retryChanged(err error, cluster string) ([]string, error) {
	var reason notYet
	switch {
	case errors.As(err, &reason):
		return []string{string(reason)}, nil
	case errors.Is(err, ErrChanged):
		return []string{"a picture of " + cluster + " that does not change while it is decided on"}, nil
	}
	return nil, err
}
