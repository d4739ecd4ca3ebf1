// A running etcd, doing what tests/bench/store_bench.cc does: etcd ENDPOINT FILE, where FILE is on etcd's disk
package main

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strings"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const writes = 2000

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		os.Exit(1)
	}
}

func p99(took []float64) float64 {
	sort.Float64s(took)
	return took[(len(took)-1)*99/100]
}

func report(row string, value float64, unit string) {
	fmt.Printf("peer:etcd:%s %.6g %s\n", row, value, unit)
}

func since(began time.Time) float64 { return float64(time.Since(began).Nanoseconds()) / 1e6 }

func main() {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{os.Args[1]}, DialTimeout: 5 * time.Second})
	must(err)
	defer client.Close()
	ctx := context.Background()
	value := strings.Repeat("k", 2000)
	events := client.Watch(ctx, "/users/", clientv3.WithPrefix())
	file, err := os.Create(os.Args[2])
	must(err)
	block := make([]byte, 4096)
	var raw, put, get, event []float64
	for i := 0; i < writes; i++ {
		began := time.Now()
		_, err := file.Write(block)
		must(err)
		must(syscall.Fdatasync(int(file.Fd())))
		raw = append(raw, since(began))
		began = time.Now()
		_, err = client.Put(ctx, "/users/user-100000", value)
		must(err)
		put = append(put, since(began))
		<-events
		event = append(event, since(began))
		began = time.Now()
		_, err = client.Get(ctx, "/users/user-100000")
		must(err)
		get = append(get, since(began))
	}
	for i := 0; i < 2000; i++ {
		_, err := client.Put(ctx, fmt.Sprintf("/many/user-%d", 100000+i), value)
		must(err)
	}
	var list []float64
	for i := 0; i < 100; i++ {
		began := time.Now()
		_, err := client.Get(ctx, "/many/", clientv3.WithPrefix())
		must(err)
		list = append(list, since(began))
	}
	report("store-put-over-raw", p99(put)/p99(raw), "x")
	report("store-put-p99", p99(put), "ms")
	report("store-event-p99", p99(event), "ms")
	report("store-get-p99", p99(get), "ms")
	report("list-2000", p99(list), "ms")
}
