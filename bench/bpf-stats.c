// Lets the kernel measure the run time of BPF programs for as long as stdin is open. Unlike the sysctl
// kernel.bpf_stats_enabled this ends with the process, whatever happens to it.
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.enable_stats.type = BPF_STATS_RUN_TIME;
  if (syscall(SYS_bpf, BPF_ENABLE_STATS, &attributes, sizeof attributes) < 0) {
    perror("BPF_ENABLE_STATS");
    return 1;
  }
  puts("measuring");
  fflush(stdout);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
