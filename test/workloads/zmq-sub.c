// A subscriber as ntopng is one: libzmq's own, from C, with flows read by nDPI's deserializer, which is what ntopng reads with.
//
//   zmq-sub ENDPOINT [--bind] [--curve FILE] [--hwm N] TOPIC...
//
// --curve: server of the encryption; FILE gets the public key. Prints a line for each message, with nDPI's view of flows:
// {"topic":T,"version":N,"source":N,"id":N,"size":N,"flows":[{"KEY":VALUE,...},...]} or, for JSON, "json":PAYLOAD. Says
// "listening" first, and where: a port of `*` is one of the kernel's choice. Ends when stdin does.
#include "workload.h"

#include <arpa/inet.h>
#include <ndpi/ndpi_api.h>
#include <poll.h>
#include <stdint.h>
#include <zmq.h>

static void check(int result, const char *what) {
  if (result >= 0) return;
  fprintf(stderr, "zmq-sub: %s: %s\n", what, zmq_strerror(zmq_errno()));
  exit(1);
}

static void print_text(const char *text, size_t size) {
  putchar('"');
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c < 0x20 || c == '"' || c == '\\')
      printf("\\u%04x", c);
    else
      putchar(c);
  }
  putchar('"');
}

static void fail(const char *what) {
  fprintf(stderr, "zmq-sub: a flow message with %s\n", what);
  exit(1);
}

static void print_key(ndpi_deserializer *d, ndpi_serialization_type type) {
  uint32_t number;
  ndpi_string text;
  if (type == ndpi_serialization_uint32) {
    if (ndpi_deserialize_key_uint32(d, &number)) fail("a key that is no number");
    printf("\"%u\":", number);
  } else if (type == ndpi_serialization_string) {
    if (ndpi_deserialize_key_string(d, &text)) fail("a key that is no text");
    print_text(text.str, text.str_len);
    putchar(':');
  } else {
    fail("a key of another type");
  }
}

// The types that ntopng's reader knows.
static void print_value(ndpi_deserializer *d, ndpi_serialization_type type) {
  uint32_t u32;
  uint64_t u64;
  float f;
  ndpi_string text;
  if (type == ndpi_serialization_uint32) {
    if (ndpi_deserialize_value_uint32(d, &u32)) fail("a bad number");
    printf("%u", u32);
  } else if (type == ndpi_serialization_uint64) {
    if (ndpi_deserialize_value_uint64(d, &u64)) fail("a bad number");
    printf("%llu", (unsigned long long)u64);
  } else if (type == ndpi_serialization_float) {
    if (ndpi_deserialize_value_float(d, &f)) fail("a bad float");
    printf("%.9g", f);
  } else if (type == ndpi_serialization_string) {
    if (ndpi_deserialize_value_string(d, &text)) fail("a bad text");
    print_text(text.str, text.str_len);
  } else {
    fail("a value of another type");
  }
}

static void print_flows(char *bytes, size_t size) {
  ndpi_deserializer d;
  if (ndpi_init_deserializer_buf(&d, (uint8_t *)bytes, (uint32_t)size)) fail("a bad head");
  if (ndpi_deserialize_get_format(&d) != ndpi_serialization_format_tlv) fail("another format");
  printf(",\"flows\":[");
  int flows = 0, items = 0;
  for (;;) {
    ndpi_serialization_type key, value = ndpi_deserialize_get_item_type(&d, &key);
    if (value == ndpi_serialization_unknown) break;
    if (value == ndpi_serialization_end_of_record) {
      putchar('}');
      items = 0;
    } else {
      printf("%s", items++ > 0 ? "," : flows++ > 0 ? ",{" : "{");
      print_key(&d, key);
      print_value(&d, value);
    }
    if (ndpi_deserialize_next(&d)) fail("an item that does not end");
  }
  if (items > 0) fail("a record that does not end");
  putchar(']');
}

static void print_message(void *socket) {
  uint8_t header[24];
  static char payload[131072];
  int size = zmq_recv(socket, header, sizeof header, 0);
  check(size, "receive");
  if (size != sizeof header) fail("another header");
  int more;
  size_t length = sizeof more;
  check(zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &length), "frames");
  if (!more) fail("one frame");
  size = zmq_recv(socket, payload, sizeof payload - 1, 0);
  check(size, "receive");
  if (size > 32768) fail("more than an old ntopng takes");
  uint32_t id;
  memcpy(&id, header + 20, 4);
  printf("{\"topic\":\"%.16s\",\"version\":%d,\"source\":%d,\"id\":%u,\"size\":%d", header, header[16], header[17],
         ntohl(id), size);
  if (header[16] == 3)
    print_flows(payload, (size_t)size);
  else
    printf(",\"json\":%.*s", size, payload);
  printf("}\n");
  fflush(stdout);
}

static void be_server(void *socket, const char *file) {
  char public_key[41], secret_key[41];
  int yes = 1;
  check(zmq_curve_keypair(public_key, secret_key), "key pair");
  check(zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes), "CURVE");
  check(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, 40), "CURVE");
  FILE *out = fopen(file, "w");
  if (!out || fputs(public_key, out) < 0 || fclose(out)) die("key file");
}

int main(int argc, char **argv) {
  void *context = zmq_ctx_new();
  void *socket = zmq_socket(context, ZMQ_SUB);
  int binds = 0;
  for (int i = 2; i < argc; i++) {
    if (!strcmp(argv[i], "--bind")) {
      binds = 1;
    } else if (!strcmp(argv[i], "--curve")) {
      be_server(socket, argv[++i]);
    } else if (!strcmp(argv[i], "--hwm")) {
      int hwm = atoi(argv[++i]);
      check(zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm), "high-water mark");
    } else {
      check(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, argv[i], strlen(argv[i])), "subscribe");
    }
  }
  check(binds ? zmq_bind(socket, argv[1]) : zmq_connect(socket, argv[1]), argv[1]);
  char endpoint[256];
  size_t length = sizeof endpoint;
  check(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &length), "endpoint");
  printf("{\"topic\":\"listening\",\"endpoint\":\"%s\"}\n", endpoint);
  fflush(stdout);
  zmq_pollitem_t items[] = {{.socket = socket, .events = ZMQ_POLLIN}, {.fd = 0, .events = ZMQ_POLLIN}};
  for (;;) {
    check(zmq_poll(items, 2, -1), "poll");
    if (items[0].revents & ZMQ_POLLIN)
      print_message(socket);
    else if (items[1].revents)
      return 0;
  }
}
