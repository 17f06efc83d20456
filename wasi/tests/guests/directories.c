// Checks directories of `wasi:filesystem`: making, listing, moving and removing them,
// hard and symbolic links, and that nothing leads outside. In `read-only` stand a
// file, a directory, and a symbolic link with an absolute target if there can be any.
#define WORLD directories
#include "directories.h"
#include "check.h"
#include "fs.h"

static bool remove_dir(fd_t dir, const char *path) {
  string_t name = string(path);
  return FS(method_descriptor_remove_directory_at)(lent(dir), &name, &code);
}

static bool link_to(fd_t dir, int follow, const char *path, fd_t to, const char *to_path) {
  string_t name = string(path), to_name = string(to_path);
  return FS(method_descriptor_link_at)(lent(dir), follow, &name, lent(to), &to_name, &code);
}

static bool symlink(fd_t dir, const char *target, const char *path) {
  string_t name = string(path), to = string(target);
  return FS(method_descriptor_symlink_at)(lent(dir), &to, &name, &code);
}

static bool readlink(fd_t dir, const char *path, string_t *target) {
  string_t name = string(path);
  return FS(method_descriptor_readlink_at)(lent(dir), &name, target, &code);
}

static void making(void) {
  check_ok("a directory is made", make_dir(root, "sub"), &code);
  check_error("but once", make_dir(root, "sub"), &code, ERR(EXIST));
  check_ok("another in it", make_dir(root, "sub/deep"), &code);
  check_error("but not in a missing one", make_dir(root, "missing/deep"), &code, ERR(NO_ENTRY));
  make("file", "text");
  check_error("nor in a file", make_dir(root, "file/deep"), &code, ERR(NOT_DIRECTORY));
  check_error("nor outside", make_dir(root, "../sub"), &code, ERR(NOT_PERMITTED));
  check_error("nor without a name", make_dir(root, ""), &code, ERR(NO_ENTRY));
  check_error("one with something in it stays", remove_dir(root, "sub"), &code, ERR(NOT_EMPTY));
  check_ok("an empty one is removed", remove_dir(root, "sub/deep"), &code);
  check_error("but once", remove_dir(root, "sub/deep"), &code, ERR(NO_ENTRY));
  check_error("and no file is", remove_dir(root, "file"), &code, ERR(NOT_DIRECTORY));
  check_ok("directories are renamed", rename_to(root, "sub", root, "dir"), &code);
  check_error("but not into themselves", rename_to(root, "dir", root, "dir/deep"), &code,
              ERR(INVALID));
}

static void descriptors(void) {
  fd_t dir = must_open("dir", OPEN(DIRECTORY), READ | MUTATE), other;
  FS(descriptor_type_t) type;
  FS(method_descriptor_get_type)(lent(dir), &type, &code);
  check_number("a directory has its type", type, TYPE(DIRECTORY));
  FS(descriptor_flags_t) flags;
  FS(method_descriptor_get_flags)(lent(dir), &flags, &code);
  check_number("and flags", flags, READ | MUTATE);
  check_ok("paths start there", make_dir(dir, "inner"), &code);
  check_error("and end there", make_dir(dir, "../inner"), &code, ERR(NOT_PERMITTED));
  stat_t stat;
  check("what was made is there", stat_at(root, 0, "dir/inner", &stat) &&
                                      stat.type == TYPE(DIRECTORY));
  check_ok("it is synchronised", FS(method_descriptor_sync)(lent(dir), &code), &code);
  check("a directory is itself", open(root, 0, "dir/.", 0, READ, &other) &&
                                     FS(method_descriptor_is_same_object)(lent(dir), lent(other)));
  check_error("one opened for reading is not changed", make_dir(other, "new"), &code,
              ERR(READ_ONLY));
  check_error("nor opened for more", opens(other, 0, "inner", 0, MUTATE), &code, ERR(READ_ONLY));
  check_error("nor are its files", opens(other, 0, "new", OPEN(CREATE), WRITE), &code,
              ERR(READ_ONLY));
  FS(own_input_stream_t) stream;
  check_error("a directory is no stream",
              FS(method_descriptor_read_via_stream)(lent(dir), 0, &stream, &code), &code,
              ERR(BAD_DESCRIPTOR));
  close(dir), close(other);
  FS(own_directory_entry_stream_t) entries;
  fd_t file = must_open("file", 0, READ);
  check_error("a file has no entries",
              FS(method_descriptor_read_directory)(lent(file), &entries, &code), &code,
              ERR(NOT_DIRECTORY));
  check_error("and is no place", opens(file, 0, "x", 0, READ), &code, ERR(NOT_DIRECTORY));
  close(file);
}

// Counts the entries; each is looked up among the names that are expected.
static size_t list(fd_t dir, const char *const *names, const int *types, size_t expected) {
  FS(own_directory_entry_stream_t) entries;
  if (!FS(method_descriptor_read_directory)(lent(dir), &entries, &code))
    return SIZE_MAX;
  size_t known = 0, count = 0;
  FS(option_directory_entry_t) entry;
  while (FS(method_directory_entry_stream_read_directory_entry)(
             FS(borrow_directory_entry_stream)(entries), &entry, &code) &&
         entry.is_some) {
    count++;
    for (size_t n = 0; n < expected; n++)
      known += entry.val.name.len == strlen(names[n]) &&
               memcmp(entry.val.name.ptr, names[n], entry.val.name.len) == 0 &&
               entry.val.type == types[n];
  }
  FS(directory_entry_stream_drop_own)(entries);
  return known == count ? count : SIZE_MAX;
}

static void listing(void) {
  make_dir(root, "list"), make_dir(root, "list/sub");
  fd_t dir = must_open("list", OPEN(DIRECTORY), READ | MUTATE);
  fd_t empty = must_open("list/sub", OPEN(DIRECTORY), READ);
  check_number("an empty directory lists nothing", list(empty, NULL, NULL, 0), 0);
  close(empty);
  make("list/a", ""), make("list/\xc3\xa9", "");
  symlink(dir, "a", "link");
  const char *names[] = {"a", "\xc3\xa9", "link", "sub"};
  int types[] = {TYPE(REGULAR_FILE), TYPE(REGULAR_FILE), TYPE(SYMBOLIC_LINK), TYPE(DIRECTORY)};
  check_number("all names are listed with their types", list(dir, names, types, 4), 4);
  check_number("and again from the begin", list(dir, names, types, 4), 4);
  for (int n = 0; n < 300; n++) {
    char path[] = "list/sub/000";
    path[9] += n / 100, path[10] += n / 10 % 10, path[11] += n % 10;
    make(path, "");
  }
  FS(own_directory_entry_stream_t) one, two;
  fd_t sub = must_open("list/sub", 0, READ);
  FS(method_descriptor_read_directory)(lent(sub), &one, &code);
  FS(method_descriptor_read_directory)(lent(sub), &two, &code);
  FS(option_directory_entry_t) entry;
  size_t count = 0;
  while (FS(method_directory_entry_stream_read_directory_entry)(
             FS(borrow_directory_entry_stream)(one), &entry, &code) && entry.is_some) {
    FS(method_directory_entry_stream_read_directory_entry)(
        FS(borrow_directory_entry_stream)(two), &entry, &code);
    count += entry.is_some;
  }
  check_number("two listings do not disturb each other", count, 300);
  check("and an end stays the end",
        FS(method_directory_entry_stream_read_directory_entry)(
            FS(borrow_directory_entry_stream)(one), &entry, &code) && !entry.is_some);
  close(dir), close(sub);
}

static void hard_links(void) {
  make("original", "before");
  check_ok("a file gets one more name", link_to(root, 0, "original", root, "dir/second"), &code);
  stat_t stat;
  check("which is counted", stat_at(root, 0, "original", &stat) && stat.link_count == 2);
  fd_t one = must_open("original", 0, READ), two = must_open("dir/second", 0, WRITE);
  check("both are the same", FS(method_descriptor_is_same_object)(lent(one), lent(two)));
  write_at(two, "after!", 0);
  directories_tuple2_list_u8_bool_t got;
  FS(method_descriptor_read)(lent(one), 100, 0, &got, &code);
  check_text("and hold the same", got.f0.ptr, got.f0.len, "after!");
  close(one), close(two);
  check_error("a name is not taken", link_to(root, 0, "original", root, "file"), &code, ERR(EXIST));
  check_error("a directory gets no other name", link_to(root, 0, "dir", root, "dir2"), &code,
              ERR(NOT_PERMITTED));
  check_error("nor does what is missing", link_to(root, 0, "missing", root, "new"), &code,
              ERR(NO_ENTRY));
  check_error("nor what a link leads to", link_to(root, FOLLOW, "original", root, "new"), &code,
              ERR(INVALID));
  check_error("nor what may be read alone", link_to(read_only, 0, "file", root, "new"), &code,
              ERR(READ_ONLY));
  check_error("and no name is outside", link_to(root, 0, "original", root, "../new"), &code,
              ERR(NOT_PERMITTED));
}

static void symbolic_links(void) {
  stat_t stat;
  string_t target;
  check_ok("a symbolic link is made", symlink(root, "original", "soft"), &code);
  check_ok("and read", readlink(root, "soft", &target), &code);
  check_text("as it was made", target.ptr, target.len, "original");
  check_error("a file is no link", readlink(root, "original", &target), &code, ERR(INVALID));
  check("it is described itself", stat_at(root, 0, "soft", &stat) &&
                                      stat.type == TYPE(SYMBOLIC_LINK));
  check("or followed", stat_at(root, FOLLOW, "soft", &stat) && stat.type == TYPE(REGULAR_FILE) &&
                           stat.size == 6);
  check_error("it is not opened itself", opens(root, 0, "soft", 0, READ), &code, ERR(LOOP));
  check_ok("but followed", opens(root, FOLLOW, "soft", 0, READ), &code);
  symlink(root, "dir", "way");
  check_ok("one on the way is followed", opens(root, 0, "way/second", 0, READ), &code);
  symlink(root, "../original", "dir/up");
  check_ok("and may lead upwards inside", opens(root, FOLLOW, "dir/up", 0, READ), &code);
  symlink(root, "nowhere", "dangling");
  check_error("one that leads nowhere", opens(root, FOLLOW, "dangling", 0, READ), &code,
              ERR(NO_ENTRY));
  symlink(root, "round", "round");
  check_error("and one that leads round", opens(root, FOLLOW, "round", 0, READ), &code, ERR(LOOP));
  check_error("a name is not taken", symlink(root, "file", "dir"), &code, ERR(EXIST));
  check_ok("a link is moved itself", rename_to(root, "soft", root, "moved"), &code);
  check_ok("and removed itself", unlink(root, "moved"), &code);
  check("what it led to stays", stat_at(root, 0, "original", &stat));
}

static void escapes(void) {
  stat_t stat;
  string_t target;
  check_error("an absolute link is not made", symlink(root, "/etc", "out"), &code,
              ERR(NOT_PERMITTED));
  check_ok("one upwards may be made", symlink(root, "../..", "out"), &code);
  check_error("but not followed", opens(root, FOLLOW, "out", 0, READ), &code, ERR(NOT_PERMITTED));
  check_error("nor passed", opens(root, 0, "out/etc/passwd", 0, READ), &code, ERR(NOT_PERMITTED));
  check_error("nor looked through", stat_at(root, FOLLOW, "out", &stat), &code,
              ERR(NOT_PERMITTED));
  check_error("nor used to make", make_dir(root, "out/new"), &code, ERR(NOT_PERMITTED));
  check_error("nor to remove", unlink(root, "out/etc/passwd"), &code, ERR(NOT_PERMITTED));
  check_error("nor to move away", rename_to(root, "out/etc", root, "etc"), &code,
              ERR(NOT_PERMITTED));
  check_error("nor to link", link_to(root, 0, "out/etc/passwd", root, "passwd"), &code,
              ERR(NOT_PERMITTED));
  // A host's directory may hold links that no program can make.
  check("nor is an absolute link of the host's",
        !stat_at(read_only, 0, "absolute", &stat) ||
            (!opens(read_only, FOLLOW, "absolute", 0, READ) && code == ERR(NOT_PERMITTED) &&
             !opens(read_only, 0, "absolute/passwd", 0, READ) && code == ERR(NOT_PERMITTED) &&
             !readlink(read_only, "absolute", &target) && code == ERR(NOT_PERMITTED)));
}

static void permissions(void) {
  const char *names[] = {"file", "sub", "absolute"};
  int types[] = {TYPE(REGULAR_FILE), TYPE(DIRECTORY), TYPE(SYMBOLIC_LINK)};
  stat_t stat;
  size_t count = stat_at(read_only, 0, "absolute", &stat) ? 3 : 2;
  check("what may be read is listed", list(read_only, names, types, 3) == count);
  FS(descriptor_flags_t) flags;
  FS(method_descriptor_get_flags)(lent(read_only), &flags, &code);
  check_number("its flags say so", flags, READ);
  check_error("no directory is made there", make_dir(read_only, "new"), &code, ERR(READ_ONLY));
  check_error("and none removed", remove_dir(read_only, "sub"), &code, ERR(READ_ONLY));
  check_error("no link is made", symlink(read_only, "file", "new"), &code, ERR(READ_ONLY));
  check_error("and none to a file", link_to(root, 0, "original", read_only, "new"), &code,
              ERR(READ_ONLY));
  FS(new_timestamp_t) now = {.tag = WASI_FILESYSTEM_TYPES_NEW_TIMESTAMP_NOW};
  string_t name = string("file");
  check_error("no time is set by path",
              FS(method_descriptor_set_times_at)(lent(read_only), 0, &name, &now, &now, &code),
              &code, ERR(READ_ONLY));
  check_error("nor of the directory",
              FS(method_descriptor_set_times)(lent(read_only), &now, &now, &code), &code,
              ERR(READ_ONLY));
  fd_t sub;
  check_ok("what is below is opened", open(read_only, 0, "sub", 0, READ, &sub), &code);
  check_error("and not changed either", make_dir(sub, "new"), &code, ERR(READ_ONLY));
}

static void checks(void) {
  find_preopens();
  making();
  descriptors();
  listing();
  hard_links();
  symbolic_links();
  escapes();
  permissions();
}
