/* notified PATH: what comes to a unix datagram socket at PATH, a line each; line feeds in it become blanks. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int count, char **arguments) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (count != 2 || strlen(arguments[1]) >= sizeof(address.sun_path)) return 2;
  strcpy(address.sun_path, arguments[1]);
  if (address.sun_path[0] == '@') address.sun_path[0] = 0;
  socklen_t size = offsetof(struct sockaddr_un, sun_path) + strlen(arguments[1]);
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size)) return perror("bind"), 1;
  printf("bound\n");
  fflush(stdout);
  char text[4096];
  for (ssize_t got; (got = recv(fd, text, sizeof(text) - 1, 0)) >= 0;) {
    text[got] = 0;
    for (char *at = text; *at; at++)
      if (*at == '\n') *at = ' ';
    printf("%s\n", text);
    fflush(stdout);
  }
  return 0;
}
