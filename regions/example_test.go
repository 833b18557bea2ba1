package regions_test

import (
	"fmt"

	"quorate.dev/quorate/regions"
)

// Five voters over three regions survive the loss of a region at rest, and of a
// zone while one replica restarts.
func ExampleLayout_WorstExposure() {
	layout := regions.Layout{Model: regions.ModelRanges, Voters: 5, Promise: regions.FailureRegion}
	for _, region := range []string{"us-east1", "us-west1", "europe-west1"} {
		for i, zone := range []string{"b", "c", "d"} {
			id := regions.ReplicaID{Cluster: region + "-a", Pool: "bank", Ordinal: i}
			layout.Members = append(layout.Members, regions.Member{ID: id, Region: region, Zone: region + "-" + zone})
		}
	}
	fmt.Println("at rest:", layout.WorstExposure(0))
	fmt.Println("one down:", layout.WorstExposure(1))
	// Output:
	// at rest: a region may be lost (slack 2)
	// one down: a zone may be lost, not a region (slack 1)
}
