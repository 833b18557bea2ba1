package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/dns/stub"
	"quorate.dev/quorate/planner"
)

// show prints all clusters.
func (s stubParts) show(a *app, o stubOptions) error {
	shown := view.NewStub(s.deployment, s.zone)
	for _, p := range s.parts {
		c := view.StubCluster{
			Cluster: p.name, Flavour: string(p.flavour), Object: p.edit.Object, Key: p.edit.Key, State: string(p.edit.State), Why: p.edit.Why,
			Changes: p.edit.Changes() && !o.check, Notes: p.edit.Notes, Whole: p.flavour == stub.EKS,
		}
		if c.Changes {
			c.Before, c.After = p.edit.Before, p.edit.After
		}
		if p.silent != nil {
			c.State, c.Why = "unreachable", p.silent.Error()
		}
		shown.Clusters = append(shown.Clusters, c)
	}
	if a.json() {
		return shown.JSON(a.out)
	}
	shown.Text(a.out, a.style())
	return nil
}

// changing are the parts to be written.
func (s stubParts) changing() []*stubPart {
	var out []*stubPart
	for _, p := range s.parts {
		if p.silent == nil && p.edit.Changes() {
			out = append(out, p)
		}
	}
	return out
}

// refused is the error of parts that must not be written. The view has said why.
func (s stubParts) refused() error {
	for _, p := range s.parts {
		if p.silent == nil && p.flavour == stub.EKS && p.edit.Changes() {
			err := unsafePlan{fmt.Errorf("%s: the EKS add-on writes its Corefile itself, and would undo a change of it (nothing was changed)", p.name)}
			return advised{err, "give what `quorate dns stub` prints to `aws eks update-addon --configuration-values`"}
		}
	}
	return s.blocked()
}

// blocked is the error of clusters in which the entry may not be written or taken out, whoever does it.
func (s stubParts) blocked() error {
	var names []string
	for _, p := range s.parts {
		if p.silent == nil && p.edit.Refusal != nil {
			names = append(names, p.name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return advised{unsafePlan{fmt.Errorf("refused: the entry may not be written in %s (nothing was changed)", strings.Join(names, ", "))}, "see above why; --cluster chooses others"}
}

// unsettled is the error of clusters in which the entry does not stand as it should.
func (s stubParts) unsettled() error {
	var names []string
	for _, p := range s.parts {
		if p.silent == nil && p.edit.State != stub.Present {
			names = append(names, p.name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return advised{fmt.Errorf("the entry does not stand as it should in %s", strings.Join(names, ", ")), "look at `quorate dns stub`, and write it with --apply"}
}

// next says what to do with what was shown.
func (s stubParts) next(a *app, o stubOptions) {
	verb := "written"
	if o.remove {
		verb = "taken out"
	}
	changing := s.changing()
	if slices.ContainsFunc(changing, func(p *stubPart) bool { return p.flavour == stub.EKS }) {
		fmt.Fprintln(a.err, "nothing was changed; an EKS add-on takes what is printed by `aws eks update-addon --configuration-values`")
		return
	}
	if len(changing) > 0 && s.blocked() == nil {
		fmt.Fprintf(a.err, "nothing was changed; with --apply the entry is %s\n", verb)
	}
}

// stubOffline prints a file with the entry of one cluster.
func (a *app) stubOffline(ctx context.Context, o stubOptions) error {
	if a.json() {
		return advised{invalidInput{errors.New("--corefile and --values print the file")}, "leave --output json out"}
	}
	d, err := a.load(ctx)
	if err != nil {
		return err
	}
	wish, err := o.wish(d, planner.Slots(planner.Input{Topology: d.topology}))
	if err != nil {
		return err
	}
	names := wish.names()
	if len(names) > 1 {
		return advised{invalidInput{errors.New("a file is of one cluster")}, "name it with --cluster, one of " + strings.Join(names, ", ")}
	}
	entry, err := wish.entry(names[0])
	if err != nil {
		return err
	}
	edit, err := o.planFiles(ctx, wish, names[0], entry)
	if err != nil {
		return err
	}
	for _, note := range edit.Notes {
		fmt.Fprintf(a.err, "note: %s\n", note)
	}
	if edit.Refusal != nil {
		return advised{unsafePlan{fmt.Errorf("refused: %w", edit.Refusal)}, "change that, then run the same command again"}
	}
	if _, err := fmt.Fprint(a.out, edit.After); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// planFiles plans the edit of the files that are named.
func (o stubOptions) planFiles(ctx context.Context, wish stubWish, cluster string, entry stub.Entry) (stub.Edit, error) {
	in := stub.Input{
		Flavour: stub.Corefile, Entry: entry, Remove: o.remove, Force: o.force, Own: wish.servers[cluster],
		Main: stub.Config{Object: cmp.Or(o.values, o.corefile), Data: map[string]string{}},
	}
	if o.values != "" {
		in.Flavour = stub.EKS
	}
	for _, of := range []struct{ flag, key, file string }{{"corefile", stub.CorefileKey, o.corefile}, {"values", stub.ValuesKey, o.values}} {
		if of.file == "" {
			continue
		}
		data, err := readFile(ctx, of.file)
		if err != nil {
			return stub.Edit{}, advised{invalidInput{fmt.Errorf("--%s: %w", of.flag, err)}, "name a file that can be read with --" + of.flag}
		}
		in.Main.Data[of.key] = string(data)
	}
	edit, err := stub.Plan(in)
	if err != nil {
		return edit, invalidInput{err}
	}
	return edit, nil
}
