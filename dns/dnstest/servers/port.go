package servers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// freeAddress is a port of the host that is free for UDP and TCP. It is below those that systems give to
// clients (32768 and up), so that no connection takes it before the server does.
func freeAddress(host string) (address, error) {
	for range 100 {
		a := address{Host: host, Port: strconv.Itoa(10000 + rand.IntN(22000))}
		udp, err := net.ListenPacket("udp", a.String())
		if err != nil {
			continue
		}
		tcp, err := net.Listen("tcp", a.String())
		_ = udp.Close()
		if err != nil {
			continue
		}
		_ = tcp.Close()
		return a, nil
	}
	return address{}, fmt.Errorf("no free port of %s was found in 100 tries", host)
}
