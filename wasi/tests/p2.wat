;; A guest of several interfaces, in several versions: one small export for each.
(component
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $err))
  (import "wasi:io/poll@0.2.3" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.9" (instance $clock
    (alias outer 1 $pollable (type $p'))
    (export "pollable" (type $p (eq $p')))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $err (type $e'))
    (export "error" (type $e (eq $e')))
    (type $stream-error' (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $stream-error')))
    (export "output-stream" (type $o (sub resource)))
    (export "[method]output-stream.blocking-write-and-flush" (func
      (param "self" (borrow $o)) (param "contents" (list u8))
      (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:cli/stdout@0.2.4" (instance $stdout
    (alias outer 1 $output (type $o'))
    (export "output-stream" (type $o (eq $o')))
    (export "get-stdout" (func (result (own $o))))))
  (import "wasi:cli/exit@0.2.12" (instance $exit
    (export "exit-with-code" (func (param "status-code" u8)))))
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-u64" (func (result u64)))))
  (import "wasi:filesystem/types@0.2.6" (instance $files
    (type $code' (enum "access" "would-block" "already" "bad-descriptor" "busy" "deadlock"
      "quota" "exist" "file-too-large" "illegal-byte-sequence" "in-progress" "interrupted"
      "invalid" "io" "is-directory" "loop" "too-many-links" "message-size" "name-too-long"
      "no-device" "no-entry" "no-lock" "insufficient-memory" "insufficient-space"
      "not-directory" "not-empty" "not-recoverable" "unsupported" "no-tty" "no-such-device"
      "overflow" "not-permitted" "pipe" "read-only" "invalid-seek" "text-file-busy"
      "cross-device"))
    (export "error-code" (type $code (eq $code')))
    (type $path-flags' (flags "symlink-follow"))
    (export "path-flags" (type $path-flags (eq $path-flags')))
    (type $open-flags' (flags "create" "directory" "exclusive" "truncate"))
    (export "open-flags" (type $open-flags (eq $open-flags')))
    (type $flags' (flags "read" "write" "file-integrity-sync" "data-integrity-sync"
      "requested-write-sync" "mutate-directory"))
    (export "descriptor-flags" (type $flags (eq $flags')))
    (export "descriptor" (type $d (sub resource)))
    (export "[method]descriptor.open-at" (func
      (param "self" (borrow $d)) (param "path-flags" $path-flags) (param "path" string)
      (param "open-flags" $open-flags) (param "flags" $flags)
      (result (result (own $d) (error $code)))))))
  (alias export $files "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.6" (instance $preopens
    (alias outer 1 $descriptor (type $d'))
    (export "descriptor" (type $d (eq $d')))
    (export "get-directories" (func (result (list (tuple (own $d) string)))))))
  (import "wasi:sockets/network@0.2.0" (instance $network
    (type $code' (enum "unknown" "access-denied" "not-supported" "invalid-argument"
      "out-of-memory" "timeout" "concurrency-conflict" "not-in-progress" "would-block"
      "invalid-state" "new-socket-limit" "address-not-bindable" "address-in-use"
      "remote-unreachable" "connection-refused" "connection-reset" "connection-aborted"
      "datagram-too-large" "name-unresolvable" "temporary-resolver-failure"
      "permanent-resolver-failure"))
    (export "error-code" (type $code (eq $code')))
    (type $family' (enum "ipv4" "ipv6"))
    (export "ip-address-family" (type $family (eq $family')))))
  (alias export $network "error-code" (type $socket-code))
  (alias export $network "ip-address-family" (type $family))
  (import "wasi:sockets/tcp@0.2.0" (instance $tcp
    (export "tcp-socket" (type (sub resource)))))
  (alias export $tcp "tcp-socket" (type $socket))
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $tcp-create
    (alias outer 1 $socket-code (type $c'))
    (export "error-code" (type $c (eq $c')))
    (alias outer 1 $family (type $f'))
    (export "ip-address-family" (type $f (eq $f')))
    (alias outer 1 $socket (type $s'))
    (export "tcp-socket" (type $s (eq $s')))
    (export "create-tcp-socket" (func (param "address-family" $f)
      (result (result (own $s) (error $c)))))))

  (core module $Memory
    (memory (export "memory") 1)
    (data (i32.const 1024) "hello")
    (global $next (mut i32) (i32.const 16384))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at
        (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))
  (alias core export $memory "realloc" (core func $realloc))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $drop-pollable (canon resource.drop $pollable))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $drop-output (canon resource.drop $output))
  (core func $write (canon lower
    (func $streams "[method]output-stream.blocking-write-and-flush") (memory $mem)))
  (core func $leave (canon lower (func $exit "exit-with-code")))
  (core func $random' (canon lower (func $random "get-random-u64")))
  (core func $dirs (canon lower (func $preopens "get-directories")
    (memory $mem) (realloc $realloc)))
  (core func $open (canon lower (func $files "[method]descriptor.open-at") (memory $mem)))
  (core func $tcp' (canon lower (func $tcp-create "create-tcp-socket") (memory $mem)))
  (core module $Main
    (import "" "memory" (memory 1))
    (import "" "block" (func $block (param i32)))
    (import "" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "" "drop-pollable" (func $drop-pollable (param i32)))
    (import "" "get-stdout" (func $get-stdout (result i32)))
    (import "" "drop-output" (func $drop-output (param i32)))
    (import "" "write" (func $write (param i32 i32 i32 i32)))
    (import "" "leave" (func $leave (param i32)))
    (import "" "random" (func $random (result i64)))
    (import "" "dirs" (func $dirs (param i32)))
    (import "" "open" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
    (import "" "tcp" (func $tcp (param i32 i32)))
    (func (export "sleep") (param i64) (result i32)
      (local $p i32)
      (local.set $p (call $subscribe (local.get 0)))
      (call $block (local.get $p))
      (call $drop-pollable (local.get $p))
      (i32.const 0))
    (func (export "hello") (param i32) (result i32)
      (local $o i32)
      (local.set $o (call $get-stdout))
      (call $write (local.get $o) (i32.const 1024) (local.get 0) (i32.const 64))
      (call $drop-output (local.get $o))
      (i32.load8_u (i32.const 64)))
    (func (export "leave") (param i32) (result i32)
      (call $leave (local.get 0))
      (i32.const 0))
    (func (export "random") (result i64) (call $random))
    ;; The code of the error, or 255.
    (func (export "create") (param i32 i32) (result i32)
      (call $dirs (i32.const 64))
      ;; The first directory; create; write.
      (call $open (i32.load (i32.load (i32.const 64))) (i32.const 0)
        (local.get 0) (local.get 1) (i32.const 1) (i32.const 2) (i32.const 96))
      (if (result i32) (i32.load8_u (i32.const 96))
        (then (i32.load8_u (i32.const 100)))
        (else (i32.const 255))))
    (func (export "socket") (result i32)
      (call $tcp (i32.const 0) (i32.const 96))
      (if (result i32) (i32.load8_u (i32.const 96))
        (then (i32.load8_u (i32.const 100)))
        (else (i32.const 255)))))
  (core instance $main (instantiate $Main (with "" (instance
    (export "memory" (memory $mem))
    (export "block" (func $block))
    (export "subscribe" (func $subscribe))
    (export "drop-pollable" (func $drop-pollable))
    (export "get-stdout" (func $get-stdout))
    (export "drop-output" (func $drop-output))
    (export "write" (func $write))
    (export "leave" (func $leave))
    (export "random" (func $random'))
    (export "dirs" (func $dirs))
    (export "open" (func $open))
    (export "tcp" (func $tcp'))))))
  (func (export "sleep") (param "nanoseconds" u64) (result u32)
    (canon lift (core func $main "sleep")))
  (func (export "hello") (param "length" u32) (result u32)
    (canon lift (core func $main "hello")))
  (func (export "leave") (param "status" u8) (result u32)
    (canon lift (core func $main "leave")))
  (func (export "random") (result u64) (canon lift (core func $main "random")))
  (func (export "create") (param "path" string) (result u32)
    (canon lift (core func $main "create") (memory $mem) (realloc $realloc)))
  (func (export "socket") (result u32) (canon lift (core func $main "socket"))))
