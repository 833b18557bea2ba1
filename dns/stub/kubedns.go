package stub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"quorate.dev/quorate/dns"
)

// stubAnnotation marks, on the ConfigMap, the stubDomains entry of a deployment: JSON has no comments.
const stubAnnotation = "quorate.dev/stub-domain."

// stubNote is the annotation's value.
type stubNote struct {
	Zone string `json:"zone"`
	Hash string `json:"hash"`
	// Made tells that there was no stubDomains at all before.
	Made bool `json:"made,omitempty"`
}

// pair is one member of a JSON object, with where it stands.
type pair struct {
	key             string
	value           json.RawMessage
	at, valueAt, to int // byte offsets: of the key, of the value, behind the value
}

// object is a JSON object whose members can be replaced in place.
type object struct {
	text  string
	open  int // behind the opening brace
	close int // of the closing brace
	pairs []pair
}

// parseObject reads one JSON object and nothing behind it.
func parseObject(text string) (*object, error) {
	d := json.NewDecoder(strings.NewReader(text))
	first, err := d.Token()
	if err != nil {
		return nil, jsonError(text, d, err)
	}
	if first != json.Delim('{') {
		return nil, errors.New("it is no JSON object")
	}
	o := &object{text: text, open: int(d.InputOffset())}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, jsonError(text, d, err)
		}
		p := pair{to: int(d.InputOffset())}
		p.key, _ = key.(string) // what else a key may be, the decoder refuses
		p.at = o.end()
		p.at += strings.IndexByte(text[p.at:], '"')
		if err := d.Decode(&p.value); err != nil {
			return nil, jsonError(text, d, err)
		}
		p.to = int(d.InputOffset())
		p.valueAt = p.to - len(p.value)
		if slices.ContainsFunc(o.pairs, func(other pair) bool { return other.key == p.key }) {
			return nil, fmt.Errorf("key %q is there twice", p.key)
		}
		o.pairs = append(o.pairs, p)
	}
	if _, err := d.Token(); err != nil {
		return nil, jsonError(text, d, err)
	}
	o.close = int(d.InputOffset()) - 1
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind the JSON object")
	}
	return o, nil
}

func jsonError(text string, d *json.Decoder, err error) error {
	line := 1 + strings.Count(text[:min(int(d.InputOffset()), len(text))], "\n")
	return &SyntaxError{Line: line, Why: "it is no JSON: " + err.Error()}
}

// end is behind the last member, or behind the opening brace.
func (o *object) end() int {
	if n := len(o.pairs); n > 0 {
		return o.pairs[n-1].to
	}
	return o.open
}

// index is where a member stands; -1 where there is none. No zone is called "".
func (o *object) index(key string) int {
	if key == "" {
		return -1
	}
	return slices.IndexFunc(o.pairs, func(p pair) bool { return p.key == key })
}

// set replaces a member's value, or adds a member behind the last one as the first one was written.
func (o *object) set(key, value string) string {
	if i := o.index(key); i >= 0 {
		p := o.pairs[i]
		return o.text[:p.valueAt] + value + o.text[p.to:]
	}
	member := quoted(key) + ": " + value
	if len(o.pairs) > 0 {
		member = "," + o.text[o.open:o.pairs[0].at] + member
	}
	return o.text[:o.end()] + member + o.text[o.end():]
}

// remove takes a member out, with the comma and the space that parted it from the one before.
func (o *object) remove(key string) string {
	i := o.index(key)
	switch {
	case i < 0:
		return o.text
	case i > 0:
		return o.text[:o.pairs[i-1].to] + o.text[o.pairs[i].to:]
	case len(o.pairs) > 1:
		return o.text[:o.pairs[0].at] + o.text[o.pairs[1].at:]
	}
	return o.text[:o.pairs[0].at] + o.text[o.pairs[0].to:]
}

func quoted(s string) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return `""` // no string fails
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// planStubDomains edits the stubDomains of kube-dns, which know a zone and the addresses of its servers, and no more.
func (in Input) planStubDomains() (Edit, error) {
	text, existed := in.Main.Data[StubDomainsKey]
	edit := Edit{
		Object: in.Main.Object, Key: StubDomainsKey, Before: text, After: text, Existed: existed, Exists: existed,
		Annotation: Annotation{Key: stubAnnotation + in.Entry.Deployment},
	}
	edit.Annotation.Before = in.Main.Annotations[edit.Annotation.Key]
	edit.Annotation.After = edit.Annotation.Before
	o := &object{text: "{}", open: 1, close: 1}
	if strings.TrimSpace(text) != "" {
		var err error
		if o, err = parseObject(text); err != nil {
			return edit, fmt.Errorf("%s %s: %w", in.Main.Object, StubDomainsKey, err)
		}
	}
	var note stubNote
	if edit.Annotation.Before != "" && json.Unmarshal([]byte(edit.Annotation.Before), &note) != nil {
		note = stubNote{Zone: "?"} // it was edited
	}
	in.stubState(&edit, o, note)
	if edit.Refusal != nil {
		return edit, nil
	}
	if in.Remove {
		return edit, in.removeStub(&edit, o, note)
	}
	return edit, in.addStub(&edit, o, note)
}

// stubValue is what stubDomains hold for the entry's zone.
func (in Input) stubValue() (string, error) {
	if len(in.Entry.Domains) != 1 || len(in.Entry.Domains[0].To) == 0 {
		return "", errors.New("kube-dns rewrites no names: clusters can be chained where all of them run CoreDNS; send the zone to an authority instead")
	}
	var addresses []string
	for _, to := range in.Entry.Domains[0].To {
		if to.Port() != dnsPort {
			return "", fmt.Errorf("the stubDomains of kube-dns take no port, and %s is not at port %d", to, dnsPort)
		}
		addresses = append(addresses, quoted(to.Addr().String()))
	}
	return "[" + strings.Join(addresses, ", ") + "]", nil
}

// stubState finds the state, and what forbids the edit.
func (in Input) stubState(edit *Edit, o *object, note stubNote) {
	where := in.Main.Object + " " + StubDomainsKey
	zone := bare(in.Entry.Zone)
	want, err := in.stubValue()
	i := o.index(note.Zone)
	switch owned := note.Zone != "" && i >= 0; {
	case note.Zone == "" || i < 0:
		edit.State = Absent
	case owned && digest(string(o.pairs[i].value)) != note.Hash:
		edit.State, edit.Why = Edited, "what quorate wrote there was changed by hand"
	case note.Zone != zone || string(o.pairs[i].value) != want:
		edit.State, edit.Why = Outdated, "it is as quorate wrote it, for something else than the topology says now"
	default:
		edit.State = Present
	}
	if edit.State == Edited && !in.Force {
		edit.refuse(Edited, &EditedError{Where: where, Why: edit.Why})
	}
	if in.Remove {
		edit.anyway()
		return
	}
	if err != nil {
		edit.refuse(edit.State, err)
	}
	in.stubConflicts(edit, o, note)
	if err := in.Entry.itself(Host{}, in.Own); err != nil {
		edit.refuse(Foreign, err)
	}
}

// stubConflicts refuses where others have an entry for the zone, or a part of it.
func (in Input) stubConflicts(edit *Edit, o *object, note stubNote) {
	where := in.Main.Object + " " + StubDomainsKey
	own := o.index(note.Zone)
	for i, p := range o.pairs {
		if i == own {
			continue
		}
		line := 1 + strings.Count(o.text[:p.at], "\n")
		k := claim{zone: dns.Canonical(p.key), line: line, by: "an entry"}
		if why, hint := in.Entry.against(k); why != "" {
			edit.refuse(Foreign, &ConflictError{Where: where, Line: line, Why: why})
		} else if hint != "" {
			edit.Notes = append(edit.Notes, fmt.Sprintf("%s, line %d: %s", where, line, hint))
		}
	}
}

func (in Input) removeStub(edit *Edit, o *object, note stubNote) error {
	edit.Annotation.After = ""
	if o.index(note.Zone) < 0 {
		return nil
	}
	edit.After = o.remove(note.Zone)
	rest, err := parseObject(edit.After)
	if err != nil {
		return err
	}
	if note.Made && len(rest.pairs) == 0 {
		edit.After, edit.Exists = "", false
	}
	return nil
}

func (in Input) addStub(edit *Edit, o *object, note stubNote) error {
	zone := bare(in.Entry.Zone)
	value, err := in.stubValue()
	if err != nil {
		return err
	}
	if note.Zone != zone && o.index(note.Zone) >= 0 { // the zone was renamed
		if o, err = parseObject(o.remove(note.Zone)); err != nil {
			return err
		}
	}
	if i := o.index(zone); i < 0 || string(o.pairs[i].value) != value {
		edit.After = o.set(zone, value)
	}
	made := note.Made || strings.TrimSpace(edit.Before) == ""
	if note.Zone != "" {
		made = note.Made
	}
	encoded, err := json.Marshal(stubNote{Zone: zone, Hash: digest(value), Made: made})
	edit.Exists, edit.Annotation.After = true, string(encoded)
	if _, bad := parseObject(edit.After); bad != nil {
		return fmt.Errorf("what would be written cannot be read: %w", bad)
	}
	return err
}
