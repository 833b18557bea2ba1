package kube

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// masker stands a digest in for each value of a Secret. Its key is drawn anew
// in every process, so that equal values compare equal within a run and a
// digest that leaks cannot be searched for its value.
type masker struct{ key []byte }

func newMasker(random io.Reader) (masker, error) {
	key := make([]byte, sha256.Size)
	if _, err := io.ReadFull(random, key); err != nil {
		return masker{}, fmt.Errorf("draw the key that masks Secrets: %w", err)
	}
	return masker{key: key}, nil
}

// digest is "sha256:" and twelve hexadecimal digits.
func (m masker) digest(secret []byte) string {
	const bytesShown = 6
	mac := hmac.New(sha256.New, m.key)
	mac.Write(secret)
	return "sha256:" + hex.EncodeToString(mac.Sum(nil)[:bytesShown])
}

// masked is the object with a Secret's values replaced. stringData becomes data, as
// the API server would make it, so that both compare.
func (m masker) masked(object *unstructured.Unstructured) map[string]any {
	if !isSecret(object) {
		return object.Object
	}
	out := object.DeepCopy()
	data := map[string]any{}
	for key, v := range values(out, "data") {
		data[key] = m.digest(decoded(v))
	}
	for key, v := range values(out, "stringData") {
		data[key] = m.digest([]byte(fmt.Sprint(v)))
	}
	delete(out.Object, "stringData")
	if len(data) > 0 {
		out.Object["data"] = data
	}
	annotations := out.GetAnnotations()
	if last, ok := annotations[corev1.LastAppliedConfigAnnotation]; ok {
		annotations[corev1.LastAppliedConfigAnnotation] = m.digest([]byte(last)) // kubectl keeps the values there
		out.SetAnnotations(annotations)
	}
	return out.Object
}

func isSecret(object *unstructured.Unstructured) bool {
	return object.GetKind() == "Secret" && object.GetAPIVersion() == "v1"
}

func values(object *unstructured.Unstructured, field string) map[string]any {
	data, _ := object.Object[field].(map[string]any)
	return data
}

// decoded is a value of data as bytes; what is not base64 stands for itself.
func decoded(v any) []byte {
	text := fmt.Sprint(v)
	if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
		return raw
	}
	return []byte(text)
}

// redacted is an error about a Secret with the Secret's values taken out of its text.
type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.err }

// redact takes a Secret's values out of an API server's answer: it may quote
// values that it could not make sense of.
func redact(object *unstructured.Unstructured, err error) error {
	if err == nil || !isSecret(object) {
		return err
	}
	var secrets []string
	for _, field := range []string{"data", "stringData"} {
		for _, leaf := range leaves(object.Object[field]) {
			secrets = append(secrets, leaf, string(decoded(leaf)))
		}
	}
	// Longest first: a value may hold another.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	text := err.Error()
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "(redacted)")
		}
	}
	return &redacted{text: text, err: err}
}

// leaves are all scalars in a value, as text: what is malformed may be nested.
func leaves(v any) []string {
	var found []string
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			found = append(found, leaves(v[key])...)
		}
	case []any:
		for _, item := range v {
			found = append(found, leaves(item)...)
		}
	default:
		found = append(found, fmt.Sprint(v))
	}
	return found
}
