;; A guest of the world `teller`, written by hand so that it needs no toolchain.
;;
;; `resources.wasm` beside this file is its binary form, made by
;;   wasm-tools parse resources.wat -o resources.wasm
;; and a test of the examples compares the two.
(component
  (import "example:resources/journal" (instance $journal
    (export "page" (type $page (sub resource)))
    (export "[method]page.write"
      (func (param "self" (borrow $page)) (param "line" string)))))
  (alias export $journal "page" (type $page))

  ;; What must exist before the resource type does: its destructor.
  (core module $Memory
    (memory (export "memory") 1)
    (data (i32.const 8) "deposit")
    (global $open (export "open") (mut i32) (i32.const 0))
    (func (export "close") (param $account i32)
      (global.set $open (i32.sub (global.get $open) (i32.const 1)))))
  (core instance $memory (instantiate $Memory))

  (type $account (resource (rep i32) (dtor (core func $memory "close"))))
  (core func $new (canon resource.new $account))
  (core func $drop-page (canon resource.drop $page))
  (core func $write
    (canon lower (func $journal "[method]page.write") (memory (core memory $memory "memory"))))

  (core module $Bank
    (import "memory" "memory" (memory 1))
    (import "memory" "open" (global $open (mut i32)))
    (import "host" "write" (func $write (param i32 i32 i32)))
    (import "host" "drop-page" (func $drop-page (param i32)))
    (import "host" "new" (func $new (param i32) (result i32)))
    (global $next (mut i32) (i32.const 16))
    ;; What stands for an account is the address of its balance.
    (func (export "account") (param $balance i32) (result i32)
      (global.set $next (i32.add (global.get $next) (i32.const 4)))
      (global.set $open (i32.add (global.get $open) (i32.const 1)))
      (i32.store (global.get $next) (local.get $balance))
      (call $new (global.get $next)))
    (func (export "deposit") (param $account i32) (param $n i32) (param $page i32) (result i32)
      (i32.store
        (local.get $account)
        (i32.add (i32.load (local.get $account)) (local.get $n)))
      (call $write (local.get $page) (i32.const 8) (i32.const 7))
      (call $drop-page (local.get $page))
      (i32.load (local.get $account)))
    (func (export "open") (result i32)
      (global.get $open)))
  (core instance $bank (instantiate $Bank
    (with "memory" (instance $memory))
    (with "host" (instance
      (export "write" (func $write))
      (export "drop-page" (func $drop-page))
      (export "new" (func $new))))))

  (func $account (param "balance" u32) (result (own $account))
    (canon lift (core func $bank "account")))
  (func $deposit
    (param "self" (borrow $account)) (param "n" u32) (param "on" (borrow $page)) (result u32)
    (canon lift (core func $bank "deposit")))
  (func $open (result u32) (canon lift (core func $bank "open")))

  ;; Gives the resource its name in the interface.
  (component $Interface
    (import "page" (type $page (sub resource)))
    (import "account" (type $account (sub resource)))
    (import "new" (func $new (param "balance" u32) (result (own $account))))
    (import "deposit" (func $deposit
      (param "self" (borrow $account)) (param "n" u32) (param "on" (borrow $page)) (result u32)))
    (import "open" (func $open (result u32)))
    (export $named "account" (type $account))
    (export "[constructor]account" (func $new)
      (func (param "balance" u32) (result (own $named))))
    (export "[method]account.deposit" (func $deposit)
      (func
        (param "self" (borrow $named)) (param "n" u32) (param "on" (borrow $page))
        (result u32)))
    (export "open" (func $open)))
  (instance $interface (instantiate $Interface
    (with "page" (type $page))
    (with "account" (type $account))
    (with "new" (func $account))
    (with "deposit" (func $deposit))
    (with "open" (func $open))))
  (export "example:resources/bank" (instance $interface)))
