package planner

import (
	"maps"
	"reflect"
	"slices"
)

// equalValues compares JSON-like values; numbers compare by value, since one
// side may come from YAML and the other from JSON.
func equalValues(a, b any) bool {
	switch av := a.(type) {
	case map[string]any:
		bv, ok := b.(map[string]any)
		return ok && maps.EqualFunc(av, bv, equalValues)
	case []any:
		bv, ok := b.([]any)
		return ok && slices.EqualFunc(av, bv, equalValues)
	}
	if isNumber(a) && isNumber(b) {
		return equalNumbers(reflect.ValueOf(a), reflect.ValueOf(b))
	}
	return reflect.DeepEqual(a, b)
}

func isNumber(v any) bool {
	value := reflect.ValueOf(v)
	return v != nil && (value.CanInt() || value.CanUint() || value.CanFloat())
}

// equalNumbers compares whole numbers exactly; beyond 2^53 a float64 cannot tell
// neighbours apart.
func equalNumbers(a, b reflect.Value) bool {
	switch {
	case a.CanInt() && b.CanInt():
		return a.Int() == b.Int()
	case a.CanUint() && b.CanUint():
		return a.Uint() == b.Uint()
	case a.CanInt() && b.CanUint():
		return a.Int() >= 0 && uint64(a.Int()) == b.Uint()
	case a.CanUint() && b.CanInt():
		return equalNumbers(b, a)
	}
	return asFloat(a) == asFloat(b)
}

func asFloat(v reflect.Value) float64 {
	switch {
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	}
	return v.Float()
}
