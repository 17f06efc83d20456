;; Lists go into a guest and come back: every element is lowered into the
;; guest's memory and lifted out of it again, directly and through a second
;; component that passes them on.

(component
  (core module $M
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local i32)
      (local.set 4
        (i32.and
          (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get 2))))
      (global.set $next (i32.add (local.get 4) (local.get 3)))
      (if (i32.gt_u (global.get $next) (i32.shl (memory.size) (i32.const 16)))
        (then (drop (memory.grow (i32.const 2)))))
      ;; It always moves, so what was there must be copied.
      (memory.copy (local.get 4) (local.get 0)
        (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
      (local.get 4))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 8) (local.get 0))
      (i32.store (i32.const 12) (local.get 1))
      (i32.const 8)))
  (core instance $m (instantiate $M))
  (alias core export $m "memory" (core memory $memory))
  (alias core export $m "realloc" (core func $realloc))
  (alias core export $m "echo" (core func $echo))

  (type $rgb' (enum "red" "green" "blue"))
  (export $rgb "rgb" (type $rgb'))
  (type $odd' (record (field "a" u8) (field "b" u64) (field "c" u16) (field "d" f32)))
  (export $odd "odd" (type $odd'))
  (type $set' (flags "f0" "f1" "f2" "f3" "f4" "f5" "f6" "f7" "f8"))
  (export $set "set" (type $set'))
  (type $choice' (variant
    (case "none") (case "small" u8) (case "wide" u64) (case "text" string)
    (case "pair" (tuple f32 $rgb)) (case "many" (list $odd))))
  (export $choice "choice" (type $choice'))

  (func (export "bools") (param "v" (list bool)) (result (list bool))
    (canon lift (core func $echo) (memory (core memory $memory)) (realloc (core func $realloc))))
  (func (export "s16s") (param "v" (list s16)) (result (list s16))
    (canon lift (core func $echo) (memory (core memory $memory)) (realloc (core func $realloc))))
  (func (export "u64s") (param "v" (list u64)) (result (list u64))
    (canon lift (core func $echo) (memory (core memory $memory)) (realloc (core func $realloc))))
  (func (export "f32s") (param "v" (list f32)) (result (list f32))
    (canon lift (core func $echo) (memory (core memory $memory)) (realloc (core func $realloc))))
  (func (export "chars") (param "v" (list char)) (result (list char))
    (canon lift (core func $echo) (memory (core memory $memory)) (realloc (core func $realloc))))
  (func $strings (export "strings") (param "v" (list string)) (result (list string))
    (canon lift (core func $echo) (memory (core memory $memory)) (realloc (core func $realloc))))
  (func $wide (export "wide-strings") (param "v" (list string)) (result (list string))
    (canon lift (core func $echo) (memory (core memory $memory)) (realloc (core func $realloc))
      string-encoding=utf16))
  (func $either (export "either-strings") (param "v" (list string)) (result (list string))
    (canon lift (core func $echo) (memory (core memory $memory)) (realloc (core func $realloc))
      string-encoding=latin1+utf16))
  (func (export "lists") (param "v" (list (list u8))) (result (list (list u8)))
    (canon lift (core func $echo) (memory (core memory $memory)) (realloc (core func $realloc))))
  (func (export "options") (param "v" (list (option (option u16)))) (result (list (option (option u16))))
    (canon lift (core func $echo) (memory (core memory $memory)) (realloc (core func $realloc))))
  (func (export "results") (param "v" (list (result string (error u8)))) (result (list (result string (error u8))))
    (canon lift (core func $echo) (memory (core memory $memory)) (realloc (core func $realloc))))
  (func (export "records") (param "v" (list $odd)) (result (list $odd))
    (canon lift (core func $echo) (memory (core memory $memory)) (realloc (core func $realloc))))
  (func (export "sets") (param "v" (list $set)) (result (list $set))
    (canon lift (core func $echo) (memory (core memory $memory)) (realloc (core func $realloc))))
  (func (export "choices") (param "v" (list $choice)) (result (list $choice))
    (canon lift (core func $echo) (memory (core memory $memory)) (realloc (core func $realloc))))

  ;; The second component: takes a list in one encoding, hands it to the first
  ;; in another, and returns what comes back.
  (component $Pass
    (import "utf8" (func $utf8 (param "v" (list string)) (result (list string))))
    (import "utf16" (func $utf16 (param "v" (list string)) (result (list string))))
    (import "either" (func $either (param "v" (list string)) (result (list string))))
    (core module $Memory
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local i32)
        (local.set 4
          (i32.and
            (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
            (i32.sub (i32.const 0) (local.get 2))))
        (global.set $next (i32.add (local.get 4) (local.get 3)))
        (memory.copy (local.get 4) (local.get 0)
          (select (local.get 1) (local.get 3) (i32.lt_u (local.get 1) (local.get 3))))
        (local.get 4)))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $mem))
    (alias core export $memory "realloc" (core func $realloc))
    (core func $utf8' (canon lower (func $utf8) (memory (core memory $mem)) (realloc (core func $realloc))))
    (core func $utf16' (canon lower (func $utf16) (memory (core memory $mem)) (realloc (core func $realloc))))
    (core func $either' (canon lower (func $either) (memory (core memory $mem)) (realloc (core func $realloc))))
    (core module $M
      (import "" "utf8" (func $utf8 (param i32 i32 i32)))
      (import "" "utf16" (func $utf16 (param i32 i32 i32)))
      (import "" "either" (func $either (param i32 i32 i32)))
      (func (export "utf8") (param i32 i32) (result i32)
        (call $utf8 (local.get 0) (local.get 1) (i32.const 8)) (i32.const 8))
      (func (export "utf16") (param i32 i32) (result i32)
        (call $utf16 (local.get 0) (local.get 1) (i32.const 8)) (i32.const 8))
      (func (export "either") (param i32 i32) (result i32)
        (call $either (local.get 0) (local.get 1) (i32.const 8)) (i32.const 8)))
    (core instance $m (instantiate $M (with "" (instance
      (export "utf8" (func $utf8')) (export "utf16" (func $utf16')) (export "either" (func $either'))))))
    (func (export "utf8") (param "v" (list string)) (result (list string))
      (canon lift (core func $m "utf8") (memory (core memory $mem)) (realloc (core func $realloc))))
    (func (export "utf16") (param "v" (list string)) (result (list string))
      (canon lift (core func $m "utf16") (memory (core memory $mem)) (realloc (core func $realloc))))
    (func (export "either") (param "v" (list string)) (result (list string))
      (canon lift (core func $m "either") (memory (core memory $mem)) (realloc (core func $realloc)))))
  (instance $pass (instantiate $Pass
    (with "utf8" (func $strings))
    (with "utf16" (func $wide))
    (with "either" (func $either))))
  (export "pass-utf8" (func $pass "utf8"))
  (export "pass-utf16" (func $pass "utf16"))
  (export "pass-either" (func $pass "either"))
)

(assert_return (invoke "bools" (list.const (bool.const true) (bool.const false))) (list.const (bool.const true) (bool.const false)))
(assert_return (invoke "bools" (list.const)) (list.const))
(assert_return (invoke "s16s" (list.const (s16.const -32768) (s16.const 32767))) (list.const (s16.const -32768) (s16.const 32767)))
(assert_return (invoke "u64s" (list.const (u64.const 0xffff_ffff_ffff_ffff) (u64.const 1))) (list.const (u64.const 0xffff_ffff_ffff_ffff) (u64.const 1)))
(assert_return (invoke "f32s" (list.const (f32.const -0) (f32.const inf) (f32.const nan))) (list.const (f32.const -0) (f32.const inf) (f32.const nan)))
(assert_return (invoke "chars" (list.const (char.const "a") (char.const "ö") (char.const "☃") (char.const "🦀"))) (list.const (char.const "a") (char.const "ö") (char.const "☃") (char.const "🦀")))
(assert_return (invoke "strings" (list.const (str.const "") (str.const "a☃b") (str.const "\00"))) (list.const (str.const "") (str.const "a☃b") (str.const "\00")))
(assert_return (invoke "wide-strings" (list.const (str.const "") (str.const "a☃b") (str.const "🦀"))) (list.const (str.const "") (str.const "a☃b") (str.const "🦀")))
(assert_return (invoke "either-strings" (list.const (str.const "") (str.const "öäü") (str.const "ö🦀"))) (list.const (str.const "") (str.const "öäü") (str.const "ö🦀")))
(assert_return (invoke "lists" (list.const (list.const) (list.const (u8.const 1) (u8.const 255)))) (list.const (list.const) (list.const (u8.const 1) (u8.const 255))))
(assert_return
  (invoke "options" (list.const (option.none) (option.some (option.none)) (option.some (option.some (u16.const 7)))))
  (list.const (option.none) (option.some (option.none)) (option.some (option.some (u16.const 7)))))
(assert_return
  (invoke "results" (list.const (result.ok (str.const "fine")) (result.err (u8.const 9))))
  (list.const (result.ok (str.const "fine")) (result.err (u8.const 9))))
(assert_return
  (invoke "records" (list.const
    (record.const (field "a" u8.const 1) (field "b" u64.const 2) (field "c" u16.const 3) (field "d" f32.const 4))
    (record.const (field "a" u8.const 255) (field "b" u64.const 0xffff_ffff_ffff_ffff) (field "c" u16.const 65535) (field "d" f32.const -0.5))))
  (list.const
    (record.const (field "a" u8.const 1) (field "b" u64.const 2) (field "c" u16.const 3) (field "d" f32.const 4))
    (record.const (field "a" u8.const 255) (field "b" u64.const 0xffff_ffff_ffff_ffff) (field "c" u16.const 65535) (field "d" f32.const -0.5))))
(assert_return
  (invoke "sets" (list.const (flags.const) (flags.const "f0" "f8") (flags.const "f7")))
  (list.const (flags.const) (flags.const "f0" "f8") (flags.const "f7")))
(assert_return
  (invoke "choices" (list.const
    (variant.const "none")
    (variant.const "small" (u8.const 3))
    (variant.const "wide" (u64.const 0x1234_5678_9abc_def0))
    (variant.const "text" (str.const "ö"))
    (variant.const "pair" (tuple.const (f32.const 1.5) (enum.const "blue")))
    (variant.const "many" (list.const
      (record.const (field "a" u8.const 1) (field "b" u64.const 2) (field "c" u16.const 3) (field "d" f32.const 4))))))
  (list.const
    (variant.const "none")
    (variant.const "small" (u8.const 3))
    (variant.const "wide" (u64.const 0x1234_5678_9abc_def0))
    (variant.const "text" (str.const "ö"))
    (variant.const "pair" (tuple.const (f32.const 1.5) (enum.const "blue")))
    (variant.const "many" (list.const
      (record.const (field "a" u8.const 1) (field "b" u64.const 2) (field "c" u16.const 3) (field "d" f32.const 4))))))

(assert_return (invoke "pass-utf8" (list.const (str.const "") (str.const "ö☃🦀"))) (list.const (str.const "") (str.const "ö☃🦀")))
(assert_return (invoke "pass-utf16" (list.const (str.const "") (str.const "ö☃🦀"))) (list.const (str.const "") (str.const "ö☃🦀")))
(assert_return (invoke "pass-either" (list.const (str.const "") (str.const "ö") (str.const "ö☃🦀"))) (list.const (str.const "") (str.const "ö") (str.const "ö☃🦀")))
