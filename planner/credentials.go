package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"quorate.dev/quorate/regions"
)

// DueCredentials are what the authority inside one cluster is to be given, so that it can
// watch the others.
type DueCredentials struct {
	Cluster string   // whose authority receives
	Peers   []string // the clusters that it is given tokens for, in rollout order
	Extra   []string // what it holds for clusters outside the topology and is to forget, sorted
	Why     string
}

// CredentialsDue compares what the authorities inside the clusters hold with what they need:
// each one a token for every other cluster, of the ServiceAccount that is there now. The states are of the
// clusters that answered; what concerns the others is left out, and so is a
// cluster whose credentials may not be looked at. In rollout order.
func CredentialsDue(t *regions.Topology, states []regions.ClusterState) []DueCredentials {
	var out []DueCredentials
	for _, c := range t.OrderedClusters() {
		receiver := stateOf(states, c.Name)
		if receiver == nil || slices.Contains(receiver.NotLooked, regions.NotLookedCredentials) {
			continue
		}
		due := DueCredentials{Cluster: c.Name, Extra: extraCredentials(receiver.Authority)}
		var reasons []string
		for _, other := range t.OrderedClusters() {
			peer := stateOf(states, other.Name)
			if peer == nil || other.Name == c.Name {
				continue
			}
			if why := credentialDue(receiver.Authority, *peer); why != "" {
				due.Peers, reasons = append(due.Peers, other.Name), append(reasons, why)
			}
		}
		if due.Why = whyDue(due.Peers, reasons); len(due.Peers)+len(due.Extra) > 0 {
			out = append(out, due)
		}
	}
	return out
}

func stateOf(states []regions.ClusterState, cluster string) *regions.ClusterState {
	i := slices.IndexFunc(states, func(s regions.ClusterState) bool { return s.Cluster == cluster })
	if i < 0 {
		return nil
	}
	return &states[i]
}

// credentialDue says why the credential for a cluster is due; empty: it is not.
func credentialDue(held *regions.AuthorityState, peer regions.ClusterState) string {
	credential := held.CredentialFor(peer.Cluster)
	account := ""
	if peer.Authority != nil {
		account = peer.Authority.Account
	}
	if credential.Due == "" && credential.Account != account {
		return "its ServiceAccount is not the one that the token is of"
	}
	return credential.Due
}

func extraCredentials(held *regions.AuthorityState) []string {
	if held == nil {
		return nil
	}
	var out []string
	for _, c := range held.Credentials {
		if c.Extra {
			out = append(out, c.Cluster)
		}
	}
	slices.Sort(out)
	return out
}

// whyDue says a reason that is the same for all once, and different ones by cluster.
func whyDue(peers, reasons []string) string {
	if len(slices.Compact(slices.Sorted(slices.Values(reasons)))) == 1 {
		return reasons[0]
	}
	texts := make([]string, len(peers))
	for i, peer := range peers {
		texts[i] = peer + ": " + reasons[i]
	}
	return strings.Join(texts, "; ")
}

// Summary says in words what is given and taken.
func (d DueCredentials) Summary() string {
	var texts []string
	if len(d.Peers) > 0 {
		texts = append(texts, "watch "+enumerate(d.Peers))
	}
	if len(d.Extra) > 0 {
		texts = append(texts, "forget "+enumerate(d.Extra))
	}
	return fmt.Sprintf("let the authority of %s %s", d.Cluster, strings.Join(texts, ", and "))
}

// enumerate is "a", "a and b", "a, b and c".
func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// standAuthority lets the authorities inside the clusters watch one another once their
// objects are everywhere, and waits for those of which something changes or is missing:
// whatever comes after needs names.
func (b *builder) standAuthority() {
	if b.in.Topology.AuthorityInCluster() == nil {
		return
	}
	applied := slices.Sorted(maps.Values(b.applied))
	var credentials, standing []string
	for _, due := range CredentialsDue(b.in.Topology, b.seen()) {
		credentials = append(credentials, b.add(Step{
			ID: due.Cluster + "/credentials", Kind: KindCredentials, Cluster: due.Cluster, Region: b.in.Topology.RegionOf(due.Cluster),
			Summary: due.Summary(), Why: due.Why, Payload: Payload{Peers: due.Peers},
		}, applied...))
	}
	before := slices.Concat(applied, credentials)
	for _, s := range b.sites {
		before = append(before, b.startAuthority(s, slices.Concat(applied, credentials))...)
	}
	for _, s := range b.sites {
		if why := b.mustStand(s); why != "" {
			standing = append(standing, b.add(Step{
				ID: s.cluster.Name + "/authority", Kind: KindVerifyDNS, Cluster: s.cluster.Name, Region: s.region,
				Summary: "the authority of " + s.cluster.Name + " answers for the zone", Why: why,
				Payload: Payload{Condition: ConditionStanding},
			}, before...))
		}
	}
	if len(standing) > 0 {
		b.ends = standing
	} else if len(credentials) > 0 {
		b.ends = credentials
	}
}

// startAuthority makes the authority's Deployment where there is none, once its credentials
// are in place: a kubelet takes a minute or so to bring a Secret into a pod that runs already. It
// returns the step's ID, or nothing.
func (b *builder) startAuthority(s site, before []string) []string {
	if s.silent() {
		return nil
	}
	refs := slices.DeleteFunc(b.toApply(s), func(r regions.ObjectRef) bool { return !b.startsAuthority(s, r) })
	if len(refs) == 0 {
		return nil
	}
	return []string{b.add(Step{
		ID: s.cluster.Name + "/apply/authority", Kind: KindApply, Cluster: s.cluster.Name, Region: s.region,
		Summary: "start the authority of " + s.cluster.Name, Why: "its credentials are in place",
		Payload: Payload{Objects: refs},
	}, before...)}
}

// startsAuthority tells the Deployment of an authority that does not exist yet.
func (b *builder) startsAuthority(s site, ref regions.ObjectRef) bool {
	if ref.Kind != "Deployment" || s.obs.State.Authority != nil && s.obs.State.Authority.Exists {
		return false
	}
	return slices.ContainsFunc(s.desired, func(object map[string]any) bool { return RefOf(object) == ref && ofAuthority(object) })
}

// seen are the states of the clusters that answered; offline, of empty ones.
func (b *builder) seen() []regions.ClusterState {
	var out []regions.ClusterState
	for _, s := range b.sites {
		if s.silent() {
			b.note(fmt.Sprintf("%s does not answer: what its authority is allowed to watch, and who may watch it, is not looked at", s.cluster.Name))
			continue
		}
		out = append(out, s.obs.State)
	}
	return out
}

// mustStand says why the authority of a cluster is to be waited for; empty: it is not. One
// whose replicas are not all ready answers all the same, and mending the database must
// not wait for it.
func (b *builder) mustStand(s site) string {
	switch {
	case s.silent():
		return ""
	case !b.initialised:
		return "replicas find each other by its answers alone"
	case b.authorityChanges(s):
		return "its objects change"
	}
	missing := s.obs.State.Authority.Missing()
	if a := s.obs.State.Authority; missing == "" || a == nil || a.Ready == 0 {
		return missing
	}
	b.note(fmt.Sprintf("%s: its authority answers and is not whole: %s", s.cluster.Name, missing))
	return ""
}

// authorityChanges: an object of the authority is made or changed in this cluster.
func (b *builder) authorityChanges(s site) bool {
	return slices.ContainsFunc(b.plan.Objects, func(c ObjectChange) bool {
		return c.Cluster == s.cluster.Name && (c.Action == ActionCreate || c.Action == ActionUpdate) &&
			slices.ContainsFunc(s.desired, func(object map[string]any) bool {
				return refersTo(RefOf(object), c.Object) && ofAuthority(object)
			})
	})
}

// ofAuthority tells the authority's objects by their label.
func ofAuthority(object map[string]any) bool {
	metadata, _ := object["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	return labels["app.kubernetes.io/component"] == regions.AuthorityComponent
}
