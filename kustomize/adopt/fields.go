package adopt

// at is the value at a path of nested objects, nil where there is none.
func at(object any, path ...string) any {
	for _, key := range path {
		m, ok := object.(map[string]any)
		if !ok {
			return nil
		}
		object = m[key]
	}
	return object
}

func text(object any, path ...string) string {
	s, _ := at(object, path...).(string)
	return s
}

func fields(object any, path ...string) map[string]any {
	m, _ := at(object, path...).(map[string]any)
	return m
}

// items are the objects of a list; what is no object is left out.
func items(object any, path ...string) []map[string]any {
	list, _ := at(object, path...).([]any)
	var out []map[string]any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// texts are the strings of a list.
func texts(object any, path ...string) []string {
	list, _ := at(object, path...).([]any)
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// number is a whole number, as JSON decoders give it.
func number(object any, otherwise int, path ...string) int {
	switch n := at(object, path...).(type) {
	case int64:
		return int(n)
	case float64:
		return int(n)
	case int:
		return n
	}
	return otherwise
}

func nameOf(object map[string]any) string { return text(object, "metadata", "name") }

func ofKind(objects []map[string]any, kind string) []map[string]any {
	var out []map[string]any
	for _, o := range objects {
		if text(o, "kind") == kind {
			out = append(out, o)
		}
	}
	return out
}

// copied is a deep copy of a JSON-like value.
func copied(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = copied(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = copied(value)
		}
		return out
	}
	return v
}
