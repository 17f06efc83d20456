// Checks files of `wasi:filesystem`: how they are opened, read, written, described,
// renamed and removed.
#define WORLD files
#include "files.h"
#include "check.h"
#include "fs.h"

static bool read_at(fd_t fd, uint64_t len, uint64_t at, files_tuple2_list_u8_bool_t *got) {
  return FS(method_descriptor_read)(lent(fd), len, at, got, &code);
}

static void check_read(const char *what, fd_t fd, uint64_t len, uint64_t at, const char *expected) {
  files_tuple2_list_u8_bool_t got;
  if (read_at(fd, len, at, &got))
    check_text(what, got.f0.ptr, got.f0.len, expected);
  else
    check_ok(what, false, &code);
}

static void check_end(const char *what, fd_t fd, uint64_t at) {
  files_tuple2_list_u8_bool_t got;
  check(what, read_at(fd, 10, at, &got) && got.f0.len == 0 && got.f1);
}

static uint64_t size_of(fd_t fd) {
  stat_t stat;
  return FS(method_descriptor_stat)(lent(fd), &stat, &code) ? stat.size : UINT64_MAX;
}

static void opening(void) {
  check_error("a missing file is not opened", opens(root, 0, "new", 0, READ), &code, ERR(NO_ENTRY));
  check_ok("a file is made", opens(root, 0, "new", OPEN(CREATE), WRITE), &code);
  check_ok("it can be opened twice",
           opens(root, 0, "new", OPEN(CREATE), READ | WRITE), &code);
  check_error("exclusive refuses what exists",
              opens(root, 0, "new", OPEN(CREATE) | OPEN(EXCLUSIVE), WRITE), &code, ERR(EXIST));
  check_error("a file is no directory", opens(root, 0, "new", OPEN(DIRECTORY), READ), &code,
              ERR(NOT_DIRECTORY));
  check_error("a slash after a file is refused", opens(root, 0, "new/", 0, READ), &code,
              ERR(NOT_DIRECTORY));
  check_error("nothing is below a file", opens(root, 0, "new/x", 0, READ), &code,
              ERR(NOT_DIRECTORY));
  check_error("a directory is not written", opens(root, 0, ".", 0, WRITE), &code,
              ERR(IS_DIRECTORY));
  check_ok("dots are followed inside", opens(root, 0, "./sub/../new", 0, READ), &code);
  make("new", "text");
  fd_t fd = must_open("new", OPEN(TRUNCATE), WRITE);
  check_number("truncate empties a file", size_of(fd), 0);
  close(fd);
}

static void paths(void) {
  static char longest[4098];
  memset(longest, 'a', 4097);
  check_error("an empty path", opens(root, 0, "", 0, READ), &code, ERR(NO_ENTRY));
  check_error("an absolute path", opens(root, 0, "/new", 0, READ), &code, ERR(NOT_PERMITTED));
  check_error("a path upwards", opens(root, 0, "../new", 0, READ), &code, ERR(NOT_PERMITTED));
  check_error("a path down and upwards", opens(root, 0, "sub/../../new", 0, READ), &code,
              ERR(NOT_PERMITTED));
  check_error("a path upwards to be made", opens(root, 0, "..", OPEN(CREATE), WRITE), &code,
              ERR(NOT_PERMITTED));
  check_error("a path of 4097 bytes", opens(root, 0, longest, 0, READ), &code, ERR(NAME_TOO_LONG));
  longest[256] = 0;
  check_error("a name of 256 bytes", opens(root, 0, longest, OPEN(CREATE), WRITE), &code,
              ERR(NAME_TOO_LONG));
  string_t zero = {(uint8_t *)"a\0b", 3};
  fd_t fd;
  check_error("a path with a NUL",
              FS(method_descriptor_open_at)(lent(root), 0, &zero, 0, READ, &fd, &code), &code,
              ERR(INVALID));
  stat_t stat;
  check_error("a path upwards to look at", stat_at(root, 0, "..", &stat), &code,
              ERR(NOT_PERMITTED));
  check_error("a path upwards to remove", unlink(root, "../new"), &code, ERR(NOT_PERMITTED));
  check_error("a path upwards to move to", rename_to(root, "new", root, "../new"), &code,
              ERR(NOT_PERMITTED));
}

static void reading_and_writing(void) {
  fd_t fd = must_open("data", OPEN(CREATE), READ | WRITE);
  check_ok("bytes are written", write_at(fd, "hello world", 0), &code);
  check_read("all are read", fd, 100, 0, "hello world");
  check_read("some are read", fd, 5, 6, "world");
  check_read("none are read", fd, 0, 6, "");
  check_end("the end is told", fd, 11);
  check_end("past the end is told", fd, 1000);
  check_ok("bytes are replaced", write_at(fd, "W", 6), &code);
  check_ok("bytes are written past the end", write_at(fd, "!", 13), &code);
  files_tuple2_list_u8_bool_t got;
  check("zeros are between", read_at(fd, 100, 6, &got) && got.f0.len == 8 &&
                                 memcmp(got.f0.ptr, "World\0\0!", 8) == 0);
  check_error("a position that is none to read", read_at(fd, 1, UINT64_MAX, &got), &code,
              ERR(INVALID));
  check_error("a position that is none to write", write_at(fd, "x", INT64_MAX), &code,
              ERR(INVALID));
  check("more is asked for than is there", read_at(fd, UINT64_MAX / 2, 0, &got) && got.f0.len == 14);
  close(fd);

  fd = must_open("data", 0, READ);
  check_error("a file for reading is not written", write_at(fd, "x", 0), &code,
              ERR(BAD_DESCRIPTOR));
  check("and its size stays", !FS(method_descriptor_set_size)(lent(fd), 0, &code));
  check_number("as it was", size_of(fd), 14);
  close(fd);
  fd = must_open("data", 0, WRITE);
  check_error("a file for writing is not read", read_at(fd, 1, 0, &got), &code,
              ERR(BAD_DESCRIPTOR));
  close(fd);
  check_error("a directory has no bytes", read_at(root, 1, 0, &got), &code, ERR(BAD_DESCRIPTOR));
}

static void sizes(void) {
  fd_t fd = must_open("data", 0, READ | WRITE);
  check_ok("a file is cut", FS(method_descriptor_set_size)(lent(fd), 5, &code), &code);
  check_read("its begin is left", fd, 100, 0, "hello");
  check_ok("a file is filled up", FS(method_descriptor_set_size)(lent(fd), 7, &code), &code);
  files_tuple2_list_u8_bool_t got;
  check("with zeros", read_at(fd, 100, 0, &got) && got.f0.len == 7 &&
                          memcmp(got.f0.ptr, "hello\0\0", 7) == 0);
  check("no file has a size of 2^64 - 1",
        !FS(method_descriptor_set_size)(lent(fd), UINT64_MAX, &code));
  check_number("and it stays", size_of(fd), 7);
  close(fd);
}

// Writes a text to a stream, which it closes.
static bool stream_out(FS(own_output_stream_t) stream, const char *text) {
  bytes_t bytes = {(uint8_t *)text, strlen(text)};
  wasi_io_streams_stream_error_t error;
  bool succeeded = wasi_io_streams_method_output_stream_blocking_write_and_flush(
      wasi_io_streams_borrow_output_stream(stream), &bytes, &error);
  wasi_io_streams_output_stream_drop_own(stream);
  return succeeded;
}

static void streams(void) {
  fd_t fd = must_open("data", OPEN(TRUNCATE), READ | WRITE);
  FS(own_output_stream_t) output, second;
  check_ok("a stream writes", FS(method_descriptor_write_via_stream)(lent(fd), 0, &output, &code),
           &code);
  check("at its position", stream_out(output, "0123456789"));
  FS(method_descriptor_write_via_stream)(lent(fd), 4, &output, &code);
  check("and at another", stream_out(output, "four"));
  check_read("both are there", fd, 100, 0, "0123four89");
  FS(method_descriptor_append_via_stream)(lent(fd), &output, &code);
  FS(method_descriptor_append_via_stream)(lent(fd), &second, &code);
  check("two streams append", stream_out(output, "a") && stream_out(second, "b"));
  check_read("one after the other", fd, 100, 8, "89ab");

  FS(own_input_stream_t) input;
  check_ok("a stream reads", FS(method_descriptor_read_via_stream)(lent(fd), 4, &input, &code),
           &code);
  wasi_io_streams_borrow_input_stream_t in = wasi_io_streams_borrow_input_stream(input);
  bytes_t got;
  wasi_io_streams_stream_error_t error;
  if (wasi_io_streams_method_input_stream_blocking_read(in, 4, &got, &error))
    check_text("from its position", got.ptr, got.len, "four");
  if (wasi_io_streams_method_input_stream_read(in, 100, &got, &error))
    check_text("and on", got.ptr, got.len, "89ab");
  check("to its end", !wasi_io_streams_method_input_stream_read(in, 1, &got, &error) &&
                          error.tag == WASI_IO_STREAMS_STREAM_ERROR_CLOSED);
  wasi_io_streams_input_stream_drop_own(input);
  close(fd);

  fd = must_open("data", 0, READ);
  check_error("a file for reading has no stream to write",
              FS(method_descriptor_write_via_stream)(lent(fd), 0, &output, &code), &code,
              ERR(BAD_DESCRIPTOR));
  check_error("and none to append",
              FS(method_descriptor_append_via_stream)(lent(fd), &output, &code), &code,
              ERR(BAD_DESCRIPTOR));
  close(fd);
  fd = must_open("data", 0, WRITE);
  check_error("a file for writing has no stream to read",
              FS(method_descriptor_read_via_stream)(lent(fd), 0, &input, &code), &code,
              ERR(BAD_DESCRIPTOR));
  close(fd);
}

static void descriptions(void) {
  make("data", "12345");
  fd_t fd = must_open("data", 0, READ | WRITE);
  stat_t stat;
  check_ok("a file is described", FS(method_descriptor_stat)(lent(fd), &stat, &code), &code);
  check_number("by its type", stat.type, TYPE(REGULAR_FILE));
  check_number("its size", stat.size, 5);
  check_number("its names", stat.link_count, 1);
  wasi_clocks_wall_clock_datetime_t now;
  wasi_clocks_wall_clock_now(&now);
  check("and its times", stat.data_modification_timestamp.is_some &&
                             stat.data_modification_timestamp.val.seconds <= now.seconds + 1 &&
                             stat.data_modification_timestamp.val.seconds + 60 > now.seconds);
  FS(descriptor_type_t) type;
  check("its type is told", FS(method_descriptor_get_type)(lent(fd), &type, &code) &&
                                type == TYPE(REGULAR_FILE));
  FS(descriptor_flags_t) flags;
  check("its flags are told", FS(method_descriptor_get_flags)(lent(fd), &flags, &code) &&
                                  flags == (READ | WRITE));
  close(fd);
  fd = must_open("data", 0, READ);
  check("and those for reading", FS(method_descriptor_get_flags)(lent(fd), &flags, &code) &&
                                     flags == READ);
  close(fd);
  fd = must_open("data", 0, WRITE | FLAG(DATA_INTEGRITY_SYNC));
  check("and those that wait for the device",
        FS(method_descriptor_get_flags)(lent(fd), &flags, &code) &&
            flags == (WRITE | FLAG(DATA_INTEGRITY_SYNC)));
  check_ok("which is written", write_at(fd, "54321", 0), &code);
  check_ok("data is synchronised", FS(method_descriptor_sync_data)(lent(fd), &code), &code);
  check_ok("all is synchronised", FS(method_descriptor_sync)(lent(fd), &code), &code);
  close(fd);
}

static void advice(void) {
  fd_t fd = must_open("data", 0, READ);
  bool taken = true;
  for (FS(advice_t) advice = 0; advice <= WASI_FILESYSTEM_TYPES_ADVICE_NO_REUSE; advice++)
    taken = taken && FS(method_descriptor_advise)(lent(fd), 0, 5, advice, &code);
  check_ok("advice is taken", taken, &code);
  check_error("about a part that can be",
              FS(method_descriptor_advise)(lent(fd), UINT64_MAX, 5, 0, &code), &code,
              ERR(INVALID));
  close(fd);
  check_error("and about files alone", FS(method_descriptor_advise)(lent(root), 0, 5, 0, &code),
              &code, ERR(BAD_DESCRIPTOR));
}

static FS(new_timestamp_t) at(uint64_t seconds, uint32_t nanoseconds) {
  return (FS(new_timestamp_t)){.tag = WASI_FILESYSTEM_TYPES_NEW_TIMESTAMP_TIMESTAMP,
                               .val.timestamp = {seconds, nanoseconds}};
}

static bool is_time(FS(option_datetime_t) time, uint64_t seconds, uint32_t nanoseconds) {
  return time.is_some && time.val.seconds == seconds && time.val.nanoseconds == nanoseconds;
}

static void times(void) {
  fd_t fd = must_open("data", 0, READ | WRITE);
  FS(new_timestamp_t) keep = {.tag = WASI_FILESYSTEM_TYPES_NEW_TIMESTAMP_NO_CHANGE};
  FS(new_timestamp_t) now = {.tag = WASI_FILESYSTEM_TYPES_NEW_TIMESTAMP_NOW};
  FS(new_timestamp_t) one = at(1000, 500), two = at(2000, 999999999), none = at(1, 1000000000);
  stat_t stat;
  check_ok("times are set", FS(method_descriptor_set_times)(lent(fd), &one, &two, &code), &code);
  FS(method_descriptor_stat)(lent(fd), &stat, &code);
  check("of reading", is_time(stat.data_access_timestamp, 1000, 500));
  check("and of writing", is_time(stat.data_modification_timestamp, 2000, 999999999));
  FS(method_descriptor_set_times)(lent(fd), &keep, &one, &code);
  FS(method_descriptor_stat)(lent(fd), &stat, &code);
  check("one of them is kept", is_time(stat.data_access_timestamp, 1000, 500) &&
                                   is_time(stat.data_modification_timestamp, 1000, 500));
  check_error("too many nanoseconds are refused",
              FS(method_descriptor_set_times)(lent(fd), &none, &keep, &code), &code, ERR(INVALID));
  string_t name = string("data");
  check_ok("times are set by path",
           FS(method_descriptor_set_times_at)(lent(root), 0, &name, &two, &keep, &code), &code);
  stat_at(root, 0, "data", &stat);
  check("as they are by descriptor", is_time(stat.data_access_timestamp, 2000, 999999999) &&
                                         is_time(stat.data_modification_timestamp, 1000, 500));
  FS(method_descriptor_set_times_at)(lent(root), 0, &name, &keep, &now, &code);
  wasi_clocks_wall_clock_datetime_t time;
  wasi_clocks_wall_clock_now(&time);
  stat_at(root, 0, "data", &stat);
  check("to the time that it is", stat.data_modification_timestamp.val.seconds + 60 > time.seconds);
  string_t missing = string("missing");
  check_error("but not of what is missing",
              FS(method_descriptor_set_times_at)(lent(root), 0, &missing, &now, &now, &code), &code,
              ERR(NO_ENTRY));
  close(fd);
}

static void identity(void) {
  make("other", "12345");
  fd_t fd = must_open("data", 0, READ | WRITE), same = must_open("./data", 0, READ);
  fd_t other = must_open("other", 0, READ);
  check("a file is itself", FS(method_descriptor_is_same_object)(lent(fd), lent(same)));
  check("and no other", !FS(method_descriptor_is_same_object)(lent(fd), lent(other)));
  FS(metadata_hash_value_t) first, second;
  FS(method_descriptor_metadata_hash)(lent(fd), &first, &code);
  FS(method_descriptor_metadata_hash)(lent(same), &second, &code);
  check("a hash is the same for the same",
        first.lower == second.lower && first.upper == second.upper);
  string_t name = string("data");
  FS(method_descriptor_metadata_hash_at)(lent(root), 0, &name, &second, &code);
  check("by path, too", first.lower == second.lower && first.upper == second.upper);
  FS(method_descriptor_metadata_hash)(lent(other), &second, &code);
  check("and another one for another", first.lower != second.lower);
  write_at(fd, "longer than before", 0);
  FS(method_descriptor_metadata_hash)(lent(fd), &second, &code);
  check("and after a change", first.lower != second.lower);
  close(fd), close(same), close(other);
}

static void names(void) {
  make("one", "one"), make("two", "two");
  check_ok("a file is renamed", rename_to(root, "one", root, "three"), &code);
  check_error("its old name is gone", opens(root, 0, "one", 0, READ), &code, ERR(NO_ENTRY));
  check_ok("a file is replaced", rename_to(root, "three", root, "two"), &code);
  fd_t fd = must_open("two", 0, READ);
  check_read("by what it was renamed to", fd, 100, 0, "one");
  check_error("what is missing is not renamed", rename_to(root, "one", root, "two"), &code,
              ERR(NO_ENTRY));
  check_error("a directory is not replaced by a file", rename_to(root, "two", root, "sub"), &code,
              ERR(IS_DIRECTORY));
  check_ok("a file is removed", unlink(root, "two"), &code);
  check_read("and what is open stays", fd, 100, 0, "one");
  close(fd);
  check_error("it is gone", unlink(root, "two"), &code, ERR(NO_ENTRY));
  check_error("a directory is not removed so", unlink(root, "sub"), &code, ERR(IS_DIRECTORY));
}

static void permissions(void) {
  check_ok("what may be read is read", opens(read_only, 0, "file", 0, READ), &code);
  check_error("and not written", opens(read_only, 0, "file", 0, WRITE), &code, ERR(READ_ONLY));
  check_error("nor emptied", opens(read_only, 0, "file", OPEN(TRUNCATE), READ), &code,
              ERR(READ_ONLY));
  check_error("nor made", opens(read_only, 0, "new", OPEN(CREATE), READ), &code, ERR(READ_ONLY));
  check_error("nor removed", unlink(read_only, "file"), &code, ERR(READ_ONLY));
  check_error("nor moved away", rename_to(read_only, "file", root, "file"), &code, ERR(READ_ONLY));
  check_error("nor moved there", rename_to(root, "data", read_only, "data"), &code,
              ERR(READ_ONLY));
}

static void checks(void) {
  find_preopens();
  make_dir(root, "sub");
  opening();
  paths();
  reading_and_writing();
  sizes();
  streams();
  descriptions();
  advice();
  times();
  identity();
  names();
  permissions();
}
