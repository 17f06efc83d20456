// Short names for `wasi:filesystem`. Include it after check.h.

#define FS(name) wasi_filesystem_types_##name
#define ERR(name) WASI_FILESYSTEM_TYPES_ERROR_CODE_##name
#define TYPE(name) WASI_FILESYSTEM_TYPES_DESCRIPTOR_TYPE_##name
#define OPEN(name) WASI_FILESYSTEM_TYPES_OPEN_FLAGS_##name
#define FLAG(name) WASI_FILESYSTEM_TYPES_DESCRIPTOR_FLAGS_##name

enum { READ = FLAG(READ), WRITE = FLAG(WRITE), MUTATE = FLAG(MUTATE_DIRECTORY), FOLLOW = 1 };

typedef FS(own_descriptor_t) fd_t;
typedef FS(descriptor_stat_t) stat_t;

// Why the last call failed.
static FS(error_code_t) code;
// Directories that the program finds open: `/` may be changed, `read-only` may not.
static fd_t root, read_only;

static FS(borrow_descriptor_t) lent(fd_t fd) { return FS(borrow_descriptor)(fd); }

static void close(fd_t fd) { FS(descriptor_drop_own)(fd); }

static bool open(fd_t dir, int follow, const char *path, int how, int flags, fd_t *fd) {
  string_t name = string(path);
  return FS(method_descriptor_open_at)(lent(dir), follow, &name, how, flags, fd, &code);
}

// Opens something and closes it again.
static bool opens(fd_t dir, int follow, const char *path, int how, int flags) {
  fd_t fd;
  bool succeeded = open(dir, follow, path, how, flags, &fd);
  if (succeeded)
    close(fd);
  return succeeded;
}

static fd_t must_open(const char *path, int how, int flags) {
  fd_t fd;
  if (!open(root, 0, path, how, flags, &fd)) {
    check_ok(path, false, &code);
    __builtin_trap();
  }
  return fd;
}

static bool write_at(fd_t fd, const char *text, uint64_t at) {
  bytes_t bytes = {(uint8_t *)text, strlen(text)};
  uint64_t count;
  return FS(method_descriptor_write)(lent(fd), &bytes, at, &count, &code) && count == bytes.len;
}

// Makes a file that holds a text.
static void make(const char *path, const char *text) {
  fd_t fd = must_open(path, OPEN(CREATE) | OPEN(TRUNCATE), WRITE);
  if (!write_at(fd, text, 0))
    __builtin_trap();
  close(fd);
}

static bool stat_at(fd_t dir, int follow, const char *path, stat_t *stat) {
  string_t name = string(path);
  return FS(method_descriptor_stat_at)(lent(dir), follow, &name, stat, &code);
}

static bool unlink(fd_t dir, const char *path) {
  string_t name = string(path);
  return FS(method_descriptor_unlink_file_at)(lent(dir), &name, &code);
}

static bool rename_to(fd_t dir, const char *path, fd_t to, const char *to_path) {
  string_t name = string(path), to_name = string(to_path);
  return FS(method_descriptor_rename_at)(lent(dir), &name, lent(to), &to_name, &code);
}

static bool make_dir(fd_t dir, const char *path) {
  string_t name = string(path);
  return FS(method_descriptor_create_directory_at)(lent(dir), &name, &code);
}

static void find_preopens(void) {
  wasi_filesystem_preopens_list_tuple2_own_descriptor_string_t found;
  wasi_filesystem_preopens_get_directories(&found);
  if (!check_number("two directories are open", found.len, 2))
    __builtin_trap();
  root = found.ptr[0].f0;
  read_only = found.ptr[1].f0;
  check_text("the first is the root", found.ptr[0].f1.ptr, found.ptr[0].f1.len, "/");
  check_text("the second has its name", found.ptr[1].f1.ptr, found.ptr[1].f1.len, "read-only");
}
