package regions

import "maps"

// Patterns of the schema. They are of the dialect of ECMA-262, as JSON Schema has it.
const (
	patternLabel    = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	patternLabel35  = `^[a-z]([-a-z0-9]*[a-z0-9])?$`
	patternDNSName  = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	patternValue    = `^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	patternDuration = `^(\+?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|-(0|(0+(\.0*)?|\.0+)(ns|us|µs|μs|ms|s|m|h))+)$`
	patternQuantity = `^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?$`
	patternHostPort = `:[0-9]+$`
	patternCIDR     = `^[0-9A-Fa-f.:]+/[0-9]+$`
	patternIP       = `^[0-9A-Fa-f.:]+$`
	patternKeyName  = `^[A-Za-z0-9]([-A-Za-z0-9_]*[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9_]*[A-Za-z0-9])?)*\.?$`
	patternVariable = `^[A-Za-z_][A-Za-z0-9_]*$`
	patternReverse  = `^([0-9a-f]([-/0-9a-f]*[0-9a-f])?\.)+(in-addr|ip6)\.arpa$`
	patternHTTPS    = `^[hH][tT][tT][pP][sS]://`
)

// schemaRules are what the types do not tell, by path. Words, defaults and bounds are those of Parse.
func schemaRules() map[string]func(*schema) {
	rules := map[string]func(*schema){
		"":           func(s *schema) { s.Required = []string{"apiVersion", "kind", "metadata", "spec"} },
		"apiVersion": func(s *schema) { s.Const, s.Default = APIVersion, APIVersion },
		"kind":       func(s *schema) { s.Const, s.Default = Kind, Kind },
		"metadata":   func(s *schema) { s.Required = []string{"name"} },
		"metadata.name": func(s *schema) {
			s.Pattern, s.MaxLength = patternLabel35, maxStatefulSetName
		},
		"spec": specRule,
	}
	for _, more := range []map[string]func(*schema){workloadRules(), promiseRules(), dnsRules(), rolloutRules(), regionRules()} {
		maps.Copy(rules, more)
	}
	return rules
}

// specRule asks for what the profile needs.
func specRule(s *schema) {
	s.Required = []string{"profile", "regions"}
	when := func(required []string, profiles ...string) *schema {
		return &schema{
			If:   &schema{Properties: map[string]*schema{"profile": {Enum: profiles}}, Required: []string{"profile"}},
			Then: &schema{Required: required},
		}
	}
	s.AllOf = []*schema{
		when([]string{"image", "storage", "tls", "dns"}, profileCockroachDB, profileEtcd),
		when([]string{"base"}, profileGeneric),
	}
}

func workloadRules() map[string]func(*schema) {
	return map[string]func(*schema){
		"spec.profile":              word("", profiles()),
		"spec.container":            label,
		"spec.namespace":            label,
		"spec.image":                example("cockroachdb/cockroach:v25.4.1"),
		"spec.base":                 example("./base"),
		"spec.storage.size":         quantity,
		"spec.storage.className":    func(s *schema) { s.Pattern, s.MaxLength = patternDNSName, maxDNSName },
		"spec.resources.requests.*": quantity,
		"spec.resources.limits.*":   quantity,
		"spec.network.mode":         word(defaultNetwork, networkModes()),
		"spec.tls.mode":             word("", tlsModes()),
		"spec.locality.zone":        word(defaultZoneWay, zoneWays()),
	}
}

func promiseRules() map[string]func(*schema) {
	return map[string]func(*schema){
		"spec.survive.failure":       word("", failureWords()),
		"spec.survive.whileUpdating": word("", failureWords()),
		"spec.survive.model":         word("", modelWords()),
		"spec.survive.voters":        between(1, maxTotalReplicas),
	}
}

func dnsRules() map[string]func(*schema) {
	const serve, update = "spec.dns.publish[].serve", "spec.dns.publish[].rfc2136"
	zone := func(s *schema) { s.Pattern, s.MaxLength = patternDNSName, maxDNSName }
	return map[string]func(*schema){
		"spec.dns.zone":                        zone,
		"spec.dns.ttl":                         lasting(defaultTTL),
		"spec.dns.publish[]":                   func(s *schema) { s.MinProperties, s.MaxProperties = 1, 1 },
		"spec.dns.authorities[]":               pattern(patternHostPort, "10.96.0.53:53"),
		serve:                                  func(s *schema) { s.MinProperties = 1 },
		serve + ".listen":                      pattern(patternHostPort, "0.0.0.0:53"),
		serve + ".inCluster":                   func(s *schema) { s.Required = []string{"image", "forwarder"} },
		serve + ".inCluster.podDNS":            word(podDNSConfig, podDNSWays()),
		serve + ".inCluster.priorityClassName": zone,
		update: func(s *schema) {
			s.Required = []string{"server", "keyName"}
			s.OneOf = []*schema{{Required: []string{"keyFile"}}, {Required: []string{"keyEnv"}}}
		},
		update + ".server":          pattern(patternHostPort, "10.0.0.53:53"),
		update + ".zone":            zone,
		update + ".keyName":         pattern(patternKeyName, "quorate."),
		update + ".keyFile":         example("./tsig.key"),
		update + ".keyEnv":          pattern(patternVariable, "QUORATE_TSIG_KEY"),
		update + ".algorithm":       word("", keyAlgorithms()),
		update + ".transferKeyName": pattern(patternKeyName, "quorate-transfer."),
		update + ".transferKeyFile": example("./transfer.key"),
		update + ".transferKeyEnv":  pattern(patternVariable, "QUORATE_TRANSFER_KEY"),
		update + ".transfer":        word(transferWhole, transferWays()),
		update + ".reverseZones":    func(s *schema) { s.UniqueItems = true },
		update + ".reverseZones[]":  pattern(patternReverse, "1.10.in-addr.arpa"),
	}
}

func rolloutRules() map[string]func(*schema) {
	return map[string]func(*schema){
		"spec.rollout.order":          func(s *schema) { s.UniqueItems = true },
		"spec.rollout.maxUnavailable": func(s *schema) { s.Minimum, s.Default = new(1), defaultMaxUnavailable },
		"spec.rollout.canary.replicas": func(s *schema) {
			s.Minimum, s.Default = new(0), defaultCanary
		},
		"spec.rollout.canary.soak":  lasting(""),
		"spec.rollout.soak":         lasting(defaultSoak),
		"spec.rollout.timeout":      lasting(defaultTimeout),
		"spec.rollout.gateInterval": lasting(""),
	}
}

func regionRules() map[string]func(*schema) {
	const cluster = "spec.regions[].clusters[]"
	return map[string]func(*schema){
		"spec.regions":            func(s *schema) { s.MinItems = 1 },
		"spec.regions[]":          func(s *schema) { s.Required = []string{"name", "clusters"} },
		"spec.regions[].name":     label,
		"spec.regions[].clusters": func(s *schema) { s.MinItems = 1 },
		cluster: func(s *schema) {
			s.Required = []string{"name"}
			s.OneOf = []*schema{{Required: []string{"replicas"}}, {Required: []string{"pools"}}}
		},
		cluster + ".name":      label,
		cluster + ".namespace": label,
		cluster + ".replicas":  between(0, maxPoolReplicas),
		cluster + ".pools": func(s *schema) {
			s.MinProperties, s.PropertyNames = 1, &schema{Pattern: patternLabel, MaxLength: maxStatefulSetName}
		},
		cluster + ".pools.*":      between(0, maxPoolReplicas),
		cluster + ".zones":        func(s *schema) { s.UniqueItems = true },
		cluster + ".zones[]":      func(s *schema) { s.Pattern, s.MaxLength = patternValue, 63 },
		cluster + ".dnsServers[]": pattern(patternIP, "10.96.0.53"),
		cluster + ".podCIDRs[]":   pattern(patternCIDR, "10.1.0.0/16"),
		cluster + ".apiServer":    pattern(patternHTTPS, "https://10.0.1.10:6443"),
	}
}

func label(s *schema) { s.Pattern, s.MaxLength = patternLabel, 63 }

func quantity(s *schema) { s.Pattern = patternQuantity }

func example(text string) func(*schema) {
	return func(s *schema) { s.MinLength, s.Examples = 1, []string{text} }
}

func pattern(expression, sample string) func(*schema) {
	return func(s *schema) { s.Pattern, s.Examples = expression, []string{sample} }
}

// word is one of several; initial is its default, empty where there is none.
func word(initial string, words []string) func(*schema) {
	return func(s *schema) {
		s.Enum = words
		if initial != "" {
			s.Default = initial
		}
	}
}

func lasting(initial string) func(*schema) {
	return func(s *schema) {
		s.Pattern = patternDuration
		if initial != "" {
			s.Default = initial
		}
	}
}

func between(least, most int) func(*schema) {
	return func(s *schema) { s.Minimum, s.Maximum = new(least), new(most) }
}
