package stub

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Flavour is which configuration a cluster's DNS takes an entry in.
type Flavour string

// The flavours.
const (
	Corefile Flavour = "corefile" // ConfigMap coredns, key Corefile (kubeadm and most others)
	AKS      Flavour = "aks"      // ConfigMap coredns-custom, a key of the deployment's own (learn.microsoft.com, "Customize CoreDNS with Azure Kubernetes Service")
	EKS      Flavour = "eks"      // the add-on's configuration values, as text (docs.aws.amazon.com, "Managing the CoreDNS Amazon EKS add-on")
	KubeDNS  Flavour = "kube-dns" // ConfigMap kube-dns, key stubDomains (cloud.google.com, "Using kube-dns")
)

// Flavours are all of them.
func Flavours() []Flavour { return []Flavour{Corefile, AKS, EKS, KubeDNS} }

// The keys of the ConfigMaps.
const (
	CorefileKey    = "Corefile"
	StubDomainsKey = "stubDomains"
	// ValuesKey is no ConfigMap's: it holds the add-on's configuration values.
	ValuesKey = "configurationValues"
)

// State is how an entry stands in a configuration.
type State string

// The states.
const (
	Present  State = "present"  // as it should be
	Absent   State = "absent"   // never made, or taken out, as by an upgrade of an add-on
	Outdated State = "outdated" // as quorate wrote it, and something else is wanted now
	Edited   State = "edited"   // changed by another hand
	Foreign  State = "foreign"  // something of others stands in its way
	// Unreadable is a configuration that cannot be understood, so that nothing may be added to it.
	Unreadable State = "unreadable"
)

// Config is one ConfigMap, or what stands in for one.
type Config struct {
	Object      string            // what to call it
	Data        map[string]string // nil: it does not exist
	Annotations map[string]string
}

// Input is what an edit follows from.
type Input struct {
	Flavour Flavour
	Entry   Entry
	// Main is the ConfigMap of CoreDNS or kube-dns. For EKS it holds ValuesKey, and CorefileKey where
	// the live Corefile is known: values that have none begin with that.
	Main Config
	// Custom is AKS's coredns-custom.
	Custom Config
	// Own are the addresses of the cluster's own DNS.
	Own []netip.AddrPort
	// Remove takes the entry out.
	Remove bool
	// Force overwrites what was changed by another hand within the entry.
	Force bool
}

// Edit is what is to be written to one key of one configuration.
type Edit struct {
	Object, Key     string
	Before, After   string
	Existed, Exists bool // the key, before and after
	Annotation      Annotation
	State           State  // before
	Why             string // of the state; may be empty
	Notes           []string
	// Refusal is why the edit must not be made; nil: it may.
	Refusal error
}

// Annotation is one annotation of the ConfigMap, for a configuration in which nothing can be marked.
type Annotation struct{ Key, Before, After string } // empty values: it is not there

// Changes tells whether there is anything to write.
func (e Edit) Changes() bool {
	return e.Refusal == nil && (e.Existed != e.Exists || e.Before != e.After || e.Annotation.Before != e.Annotation.After)
}

// EditedError is an entry that another hand has changed.
type EditedError struct{ Where, Why string }

// Error says how to go on.
func (e *EditedError) Error() string {
	return fmt.Sprintf("%s: %s; --force overwrites that", e.Where, e.Why)
}

// Plan is the edit that puts the entry into a configuration, or takes it out. An error is of a
// configuration that cannot be understood.
func Plan(in Input) (Edit, error) {
	switch in.Flavour {
	case Corefile:
		return in.planKey(in.Main, CorefileKey, in.Main)
	case AKS:
		return in.planKey(in.Custom, "quorate-"+in.Entry.Deployment+".server", in.Main)
	case EKS:
		return in.planValues()
	case KubeDNS:
		return in.planStubDomains()
	}
	return Edit{}, fmt.Errorf("flavour %q of a cluster's DNS is not known", in.Flavour)
}

// Detect tells the flavour from what is there: coredns is the ConfigMap of that name with its labels, kubeDNS tells
// whether there is one of kube-dns.
func Detect(coredns Config, labels map[string]string, kubeDNS bool) (Flavour, error) {
	text, exists := coredns.Data[CorefileKey]
	switch {
	case exists && strings.Contains(text, "custom/*.server"):
		return AKS, nil
	case exists && (labels["eks.amazonaws.com/component"] != ""):
		return EKS, nil
	case exists:
		return Corefile, nil
	case kubeDNS:
		return KubeDNS, nil
	}
	return "", errors.New("there is neither a ConfigMap coredns with a Corefile nor one called kube-dns: name another with --config-map, or what the DNS is with --flavour")
}

// planKey edits the text of one key, in a CoreDNS whose Corefile is main's.
func (in Input) planKey(config Config, key string, main Config) (Edit, error) {
	text, existed := config.Data[key]
	edit := Edit{Object: config.Object, Key: key, Before: text, Existed: existed}
	corefile, ok := main.Data[CorefileKey]
	if !ok {
		return edit, fmt.Errorf("%s holds no %s", main.Object, CorefileKey)
	}
	c, err := parseIn(main.Object, corefile)
	if err != nil {
		return edit, err
	}
	host := c.host()
	if in.Flavour == AKS {
		if err := in.others(&edit, c, host); err != nil {
			return edit, err
		}
	}
	after, err := in.planText(&edit, config.Object+" "+key, text, host)
	edit.After, edit.Exists = after, existed && after != "" || after != ""
	if in.Flavour != AKS {
		edit.Exists = existed
	}
	return edit, err
}

// others looks for conflicts in the texts beside the one that is edited.
func (in Input) others(edit *Edit, main *corefile, h Host) error {
	if in.Remove {
		return nil
	}
	_, err := main.conflicts(in.Main.Object+" "+CorefileKey, in.Entry, nil, h.Port)
	problems := err
	for _, key := range slices.Sorted(maps.Keys(in.Custom.Data)) {
		if key == edit.Key || !strings.HasSuffix(key, ".server") {
			continue
		}
		where := in.Custom.Object + " " + key
		c, err := parseIn(where, in.Custom.Data[key])
		if err != nil {
			return err
		}
		notes, err := c.conflicts(where, in.Entry, nil, h.Port)
		edit.Notes = append(edit.Notes, notes...)
		problems = errors.Join(problems, err)
	}
	if problems != nil {
		edit.refuse(Foreign, problems)
	}
	return nil
}

func parseIn(where, text string) (*corefile, error) {
	c, err := parseCorefile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	return c, nil
}

// refuse keeps the first state that was found, and all refusals.
func (e *Edit) refuse(state State, err error) {
	if e.Refusal == nil {
		e.State, e.Why = state, err.Error()
		e.Refusal = err
		return
	}
	e.Refusal = errors.Join(e.Refusal, err)
}

// anyway is the state for whoever takes the entry out: it does not matter what it was for.
func (e *Edit) anyway() {
	if e.State == Outdated {
		e.State, e.Why = Present, ""
	}
}

// planText edits the text of a Corefile, or a part of one, and finds its state.
func (in Input) planText(edit *Edit, where, text string, h Host) (string, error) {
	c, err := parseIn(where, text)
	if err != nil {
		return text, err
	}
	own, err := c.find(in.Entry.Deployment)
	if err != nil {
		return text, fmt.Errorf("%s: %w", where, err)
	}
	body := in.Entry.body(h)
	if edit.Refusal == nil {
		edit.State, edit.Why = stateOf(own, body)
	}
	if own != nil && own.edited != "" && !in.Force {
		edit.refuse(Edited, &EditedError{Where: fmt.Sprintf("%s, line %d", where, own.line), Why: own.edited})
	}
	if in.Remove {
		edit.anyway()
		if own == nil || edit.Refusal != nil {
			return text, nil
		}
		return c.remove(own), nil
	}
	notes, err := c.conflicts(where, in.Entry, own, h.Port)
	edit.Notes = append(edit.Notes, notes...)
	if err != nil {
		edit.refuse(Foreign, err)
	}
	if err := in.unfit(where, c, h); err != nil {
		edit.refuse(Foreign, err)
	}
	if edit.Refusal != nil {
		return text, nil
	}
	after := c.insert(in.Entry.Deployment, body, own)
	return after, in.check(where, after, body)
}

// unfit is why nothing may be added to a text.
func (in Input) unfit(where string, c *corefile, h Host) error {
	var problems error
	if line := c.openEnded(); line > 0 {
		problems = errors.Join(problems, fmt.Errorf("%s: %w", where, &SyntaxError{Line: line, Why: "this block has no braces and goes on to the end of the file: put braces around it first"}))
	}
	return errors.Join(problems, in.Entry.itself(h, in.Own))
}

func stateOf(own *fragment, body string) (State, string) {
	switch {
	case own == nil:
		return Absent, ""
	case own.edited != "":
		return Edited, own.edited
	case strings.ReplaceAll(own.body, "\r\n", "\n") != body:
		return Outdated, "it is as quorate wrote it, for something else than the topology and the record say now"
	}
	return Present, ""
}

// check reads the result again: a fragment that is not found in it as it was meant must not be written.
func (in Input) check(where, after, body string) error {
	c, err := parseIn(where, after)
	if err != nil {
		return fmt.Errorf("what would be written cannot be read: %w", err)
	}
	own, err := c.find(in.Entry.Deployment)
	switch {
	case err != nil:
		return fmt.Errorf("%s: the entry cannot be told from its surroundings in what would be written: %w", where, err)
	case own == nil, own.edited != "", strings.ReplaceAll(own.body, "\r\n", "\n") != body:
		return fmt.Errorf("%s: the entry cannot be told from its surroundings in what would be written", where)
	}
	return nil
}
