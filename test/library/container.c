/* container NETNS DOCKER-SOCKET: the container of each event in a network namespace, until it is interrupted. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sockflow.h>

static struct sockflow *watcher;

static void on_signal(int number) {
  (void)number;
  sockflow_interrupt(watcher);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  struct sockflow_options options = SOCKFLOW_OPTIONS;
  options.only_netns = (uint32_t)strtoul(arguments[1], NULL, 10);
  options.docker_socket = arguments[2];
  struct sockflow_error error;
  if (sockflow_open(&options, &watcher, &error)) return fprintf(stderr, "%s\n", error.message), 1;
  signal(SIGINT, on_signal);
  fprintf(stderr, "ready\n");
  const struct sockflow_event *e;
  while (sockflow_next(watcher, &e, -1) == 1) {
    printf("%s %u %s %s\n", sockflow_event_name(e->type), e->process.pid, e->container_id ? e->container_id : "-",
           e->container_name ? e->container_name : "-");
    fflush(stdout);
  }
  sockflow_close(watcher);
  return 0;
}
