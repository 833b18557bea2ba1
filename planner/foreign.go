package planner

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/regions"
)

// ForcedObject is an object of which an apply overwrites values of other field managers,
// since the user named them.
type ForcedObject struct {
	Object   regions.ObjectRef `json:"object"`
	Managers []string          `json:"managers"` // sorted
}

// forces are the managers named by the user that hold fields of the object at other values.
func (in Input) forces(o regions.ObjectState) []string {
	return slices.DeleteFunc(conflictManagers(o.Conflicts), func(manager string) bool { return !slices.Contains(in.ForceManagers, manager) })
}

// forced are the site's objects that are applied over named managers.
func (b *builder) forced(s site) []ForcedObject {
	var out []ForcedObject
	for _, ref := range s.desiredRefs() {
		for _, o := range s.obs.Objects {
			if managers := b.in.forces(o); len(managers) > 0 && refersTo(o.Ref, ref) {
				out = append(out, ForcedObject{ref, managers})
			}
		}
	}
	return out
}

// refuseConflicts names who holds which fields at other values, since when, and how to decide.
func (b *builder) refuseConflicts(s site, o regions.ObjectState) {
	forced := b.in.forces(o)
	for _, manager := range conflictManagers(o.Conflicts) {
		if slices.Contains(forced, manager) {
			continue
		}
		hint := fmt.Sprintf("to put the overlay's value back, over this manager alone: quorate apply --force-manager %s; to keep the other value, write it into the topology or the base; to look closer: %s",
			shellWord(manager), kubectlGet(s.cluster, o.Ref))
		if manager == RolloutManager {
			hint = "runs of quorate step these fields themselves: leave them out of the base"
		}
		b.refuse(Refusal{
			Code: "conflict", Cluster: s.cluster.Name,
			Message: fmt.Sprintf("%s: %s: %s is set by field manager %q to another value%s",
				s.cluster.Name, o.Ref, strings.Join(conflictFields(o.Conflicts, manager), ", "), manager, since(o.Conflicts, manager)),
			Hint: hint,
		})
	}
}

// kubectlGet is the command that shows an object with its field managers.
func kubectlGet(c regions.Cluster, ref regions.ObjectRef) string {
	namespace := ""
	if ref.Namespace != "" {
		namespace = " -n " + ref.Namespace
	}
	return fmt.Sprintf("kubectl --context %s%s get %s %s -o yaml --show-managed-fields", shellWord(c.Context), namespace, strings.ToLower(ref.Kind), ref.Name)
}

// shellWord quotes a word for a POSIX shell where it needs that.
func shellWord(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,", r)
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// since is when a manager wrote last, as managedFields tells.
func since(conflicts []regions.FieldConflict, manager string) string {
	for _, c := range conflicts {
		if c.Manager == manager && !c.Time.IsZero() {
			return ", at " + instant(c.Time)
		}
	}
	return ""
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// attribute says of each changed field who set it to what it is, where others did.
func attribute(fields []FieldChange, conflicts []regions.FieldConflict) {
	for i := range fields {
		for _, same := range []func(a, b string) bool{samePath, sameOutline} {
			at := slices.IndexFunc(conflicts, func(c regions.FieldConflict) bool { return same(c.Field, fields[i].Path) })
			if at >= 0 {
				fields[i].By = fmt.Sprintf("set by %q", conflicts[at].Manager) + since(conflicts, conflicts[at].Manager)
				break
			}
		}
	}
}

// samePath tells whether a manager's field (structured-merge-diff's notation, such as
// .spec.containers[name="db"].image) is a changed field's path, or holds it.
func samePath(field, path string) bool {
	field, path = plainPath(field), plainPath(path)
	rest, found := strings.CutPrefix(path, field)
	return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// sameOutline is samePath with the items of lists left out: the two notations tell items
// of some lists apart by different means.
func sameOutline(field, path string) bool {
	items := regexp.MustCompile(`\[[^]]*\]`)
	return samePath(items.ReplaceAllString(plainPath(field), ""), items.ReplaceAllString(plainPath(path), ""))
}

func plainPath(path string) string {
	path = regexp.MustCompile(`\['([^']*)'\]`).ReplaceAllString(strings.TrimPrefix(path, "."), ".$1")
	return regexp.MustCompile(`\[name="([^"]*)"\]`).ReplaceAllString(path, "[$1]")
}

// noteRemoved says which objects are on record and gone: somebody deleted them. What
// becomes of a StatefulSet is told elsewhere.
func (b *builder) noteRemoved(s site) {
	if s.silent() || s.emptied {
		return
	}
	var gone []string
	for _, o := range s.obs.Objects {
		known := slices.ContainsFunc(s.obs.State.Record.Inventory, func(ref regions.ObjectRef) bool { return refersTo(ref, o.Ref) })
		if o.Live == nil && known && b.initialised && o.Ref.Kind != "StatefulSet" {
			gone = append(gone, o.Ref.String())
		}
	}
	if len(gone) > 0 {
		b.note(fmt.Sprintf("%s: %s %s on record and gone, so that somebody deleted %s: made again",
			s.cluster.Name, strings.Join(gone, ", "), isAre(len(gone)), itThem(len(gone))))
	}
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func itThem(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

// byHand: somebody other than a run set the pool's number of replicas. Who sets another
// value is its only owner then; a run that takes the field over shares it.
func (p pool) byHand() bool {
	return p.live != nil && len(p.live.ReplicasManagers) > 0 && !slices.Contains(p.live.ReplicasManagers, RolloutManager)
}

// adoptionHint is for a pool that somebody made larger than the topology says: the edit that
// adopts it, and when it may be made smaller again.
func (b *builder) adoptionHint(s site, p pool) string {
	place := s.cluster.Name + " in the topology"
	if at := b.in.ReplicasAt[s.cluster.Name]; at != "" {
		place += " (" + at + ")"
	}
	edit := fmt.Sprintf("replicas: %d", p.had)
	if len(s.cluster.Pools) > 0 {
		edit = fmt.Sprintf("pools: {%s: %d}", p.name, p.had)
	}
	claims := ""
	if names := s.claimsFrom(p, p.want); len(names) > 0 {
		claims = ", and then delete their volume claims (" + strings.Join(names, ", ") + ")"
	}
	return fmt.Sprintf("to adopt them, write `%s` for %s and apply; only where the new ones never joined the database, take them away: kubectl --context %s -n %s scale statefulset %s --replicas=%d%s",
		edit, place, shellWord(s.cluster.Context), s.cluster.Namespace, p.name, p.want, claims)
}
