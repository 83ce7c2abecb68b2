/*
 * In a C program: what libebpfflow's tool showed of each event, until Ctrl-C.
 *
 *   cc 05-library.c $(pkg-config --cflags --libs sockflow) -o watch && sudo ./watch
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sockflow.h>

static struct sockflow *watcher;

static void on_signal(int number) {
  (void)number;
  sockflow_interrupt(watcher);
}

static void print_address(const struct sockflow_event *e, const uint8_t *address, uint16_t port) {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(e->ip_version == 4 ? AF_INET : AF_INET6, address, text, sizeof(text));
  printf(e->ip_version == 4 ? "%s:%u" : "[%s]:%u", text, port);
}

static void print_event(void *context, const struct sockflow_event *e) {
  (void)context;
  printf("%lu.%06lu [%s][%u %s][%s %s][IPv%u/%s][pid: %u [%s], uid/gid: %u/%u][parent: %u [%s], uid: %u]",
         (unsigned long)(e->time_ns / 1000000000), (unsigned long)(e->time_ns / 1000 % 1000000), e->interface, e->type,
         sockflow_event_name(e->type), e->id, e->role == SOCKFLOW_ROLE_SERVER ? "server" : "client", e->ip_version,
         e->protocol == IPPROTO_TCP ? "TCP" : "UDP", e->process.pid,
         e->process.path ? e->process.path : e->process.name, e->process.uid, e->process.gid, e->parent.pid,
         e->parent.path ? e->parent.path : e->parent.name, e->parent.uid);
  printf("[addr: ");
  print_address(e, e->local_address, e->local_port);
  printf(" <-> ");
  print_address(e, e->peer_address, e->peer_port);
  printf("][sent/received: %lu/%lu]", (unsigned long)e->sent_bytes, (unsigned long)e->received_bytes);
  if (e->container_id) printf("[container: %.12s %s]", e->container_id, e->container_name ? e->container_name : "");
  if (e->pod_name) printf("[pod: %s/%s]", e->pod_namespace, e->pod_name);
  if (e->latency_us) printf("[latency: %.3f ms]", e->latency_us / 1000.0);
  if (e->retransmissions) printf("[retransmissions: %u]", e->retransmissions);
  if (e->close_reason) printf("[close: %s]", e->close_reason);
  if (e->error_type) printf("[error: %s]", e->error_type);
  printf("\n");
  fflush(stdout);
}

int main(void) {
  struct sockflow_options options = SOCKFLOW_OPTIONS;
  struct sockflow_error error;
  if (sockflow_open(&options, &watcher, &error)) {
    fprintf(stderr, "cannot start: %s\n", error.message);
    return 1;
  }
  signal(SIGINT, on_signal);
  fprintf(stderr, "%s\n", sockflow_description(watcher));
  while (sockflow_dispatch(watcher, -1, print_event, NULL) > 0) {
  }
  sockflow_stop(watcher);
  while (sockflow_dispatch(watcher, 0, print_event, NULL) >= 0) {
  }
  struct sockflow_statistics statistics;
  if (!sockflow_statistics(watcher, &statistics, sizeof(statistics)))
    fprintf(stderr, "opened %lu, closed %lu, live %lu, lost %lu\n", (unsigned long)statistics.opened,
            (unsigned long)statistics.closed, (unsigned long)statistics.live, (unsigned long)statistics.lost);
  sockflow_close(watcher);
  return 0;
}
