;; Asks for more than it was granted, and is content all the same.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "new/etc/passwd../up")
  (func $try (param $path i32) (param $len i32) (param $flags i32)
    (drop (call $open (i32.const 3) (i32.const 0) (local.get $path) (local.get $len)
      (local.get $flags) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 64))))
  (func (export "_start")
    ;; Makes a file in the directory, and follows two paths out of it.
    (call $try (i32.const 0) (i32.const 3) (i32.const 1))
    (call $try (i32.const 3) (i32.const 11) (i32.const 0))
    (call $try (i32.const 14) (i32.const 5) (i32.const 0))))
