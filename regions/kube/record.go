package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"quorate.dev/quorate/regions"
)

// The record's keys, each a JSON document.
const (
	keyInventory = "inventory.json"
	keyClusters  = "clusters.json"
	keyDatabase  = "database.json"
)

// managedByLabel is the recommended label that names the tool which manages an object
// (kubernetes.io, "Recommended Labels").
const managedByLabel = "app.kubernetes.io/managed-by"

// ReadRecord reads what quorate wrote down in this cluster; Exists is false where there is
// no record yet. A record that cannot be read is an error: acting without it would be acting blindly.
func (c *Cluster) ReadRecord(ctx context.Context, namespace, deployment string) (regions.Record, error) {
	stored, err := c.getRecord(ctx, namespace, deployment)
	if err != nil || stored == nil {
		return regions.Record{}, err
	}
	return c.decodeRecord(stored)
}

// UpdateRecord changes the record by read, edit and write under the resourceVersion read, and
// does so again when somebody else wrote meanwhile: edit may run several times. An edit that
// changes nothing writes nothing; an error of edit is returned and nothing is written.
func (c *Cluster) UpdateRecord(ctx context.Context, namespace, deployment string, edit func(*regions.Record) error) error {
	backoff := wait.Backoff{Duration: 20 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 10}
	var last error
	err := wait.ExponentialBackoffWithContext(ctx, backoff, func(ctx context.Context) (bool, error) {
		last = c.editRecord(ctx, namespace, deployment, edit)
		return !apierrors.IsConflict(last) && !apierrors.IsAlreadyExists(last), nil
	})
	if last == nil && err != nil {
		return c.explain(ctx, "update ConfigMap/"+namespace+"/"+regions.RecordName(deployment), err)
	}
	return last
}

func (c *Cluster) editRecord(ctx context.Context, namespace, deployment string, edit func(*regions.Record) error) error {
	stored, err := c.getRecord(ctx, namespace, deployment)
	if err != nil {
		return err
	}
	if stored == nil {
		stored = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: regions.RecordName(deployment)}}
	}
	record, err := c.decodeRecord(stored)
	if err != nil {
		return err
	}
	if err := edit(&record); err != nil {
		return err
	}
	data, err := encodeRecord(record, stored.Data)
	if err != nil {
		return fmt.Errorf("cluster %s: encode the record of %s: %w", c.name, deployment, err)
	}
	if stored.ResourceVersion != "" && maps.Equal(data, stored.Data) {
		return nil
	}
	stored.Data = data
	metav1.SetMetaDataLabel(&stored.ObjectMeta, managedByLabel, ManagerQuorate)
	return c.putRecord(ctx, stored)
}

func (c *Cluster) putRecord(ctx context.Context, stored *corev1.ConfigMap) error {
	configMaps := c.clientset.CoreV1().ConfigMaps(stored.Namespace)
	return c.request(ctx, fmt.Sprintf("write ConfigMap/%s/%s", stored.Namespace, stored.Name), func(ctx context.Context) error {
		var err error
		if stored.ResourceVersion == "" {
			_, err = configMaps.Create(ctx, stored, metav1.CreateOptions{FieldManager: ManagerQuorate})
		} else {
			_, err = configMaps.Update(ctx, stored, metav1.UpdateOptions{FieldManager: ManagerQuorate})
		}
		return err
	})
}

// getRecord reads the record's ConfigMap; nil where it does not exist.
func (c *Cluster) getRecord(ctx context.Context, namespace, deployment string) (*corev1.ConfigMap, error) {
	var stored *corev1.ConfigMap
	err := c.read(ctx, fmt.Sprintf("get ConfigMap/%s/%s", namespace, regions.RecordName(deployment)), func(ctx context.Context) (err error) {
		stored, err = c.clientset.CoreV1().ConfigMaps(namespace).Get(ctx, regions.RecordName(deployment), metav1.GetOptions{})
		return err
	})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return stored, nil
}

func (c *Cluster) decodeRecord(stored *corev1.ConfigMap) (regions.Record, error) {
	record := regions.Record{Exists: stored.ResourceVersion != ""}
	for key, into := range map[string]any{
		keyInventory: &record.Inventory, keyClusters: &record.Clusters, keyDatabase: &record.Database,
	} {
		if stored.Data[key] == "" {
			continue
		}
		if err := json.Unmarshal([]byte(stored.Data[key]), into); err != nil {
			return regions.Record{}, fmt.Errorf("cluster %s: ConfigMap/%s/%s, key %s, is not what quorate wrote: %w (restore it from the same ConfigMap of another cluster)",
				c.name, stored.Namespace, stored.Name, key, err)
		}
	}
	slices.SortFunc(record.Inventory, regions.ObjectRef.Compare)
	if record.Clusters == nil {
		record.Clusters = map[string]string{}
	}
	return record, nil
}

// encodeRecord is the record as a ConfigMap's data, sorted; keys that are not ours are kept.
func encodeRecord(record regions.Record, stored map[string]string) (map[string]string, error) {
	inventory := append([]regions.ObjectRef{}, record.Inventory...) // never null
	slices.SortFunc(inventory, regions.ObjectRef.Compare)
	inventory = slices.Compact(inventory)
	data := maps.Clone(stored)
	if data == nil {
		data = map[string]string{}
	}
	for key, from := range map[string]any{
		keyInventory: inventory, keyClusters: record.Clusters, keyDatabase: record.Database,
	} {
		encoded, err := json.MarshalIndent(from, "", " ")
		if err != nil {
			return nil, err
		}
		data[key] = string(encoded)
	}
	return data, nil
}
