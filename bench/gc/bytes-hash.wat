;; Arrays of bytes: a hash map from decimal texts to numbers, with chains and a table
;; that doubles. run(n) counts n keys a hundred times over; each look-up makes its key
;; anew, as programs do that read their input.
(module
  (type $bytes (array (mut i8)))
  (type $entry
    (sub final
      (struct (field $key (ref $bytes)) (field $hash i32) (field $count (mut i64))
        (field $next (mut (ref null $entry))))))
  (type $table (array (mut (ref null $entry))))
  (global $table (mut (ref null $table)) (ref.null $table))
  (global $entries (mut i32) (i32.const 0))
  (data $prefix "key number ")

  ;; "key number " and the digits of a number, the last one first.
  (func $key (param $number i32) (result (ref $bytes))
    (local $length i32) (local $rest i32) (local $key (ref $bytes)) (local $at i32)
    (local.set $rest (local.get $number))
    (loop $count
      (local.set $length (i32.add (local.get $length) (i32.const 1)))
      (br_if $count (local.tee $rest (i32.div_u (local.get $rest) (i32.const 10)))))
    (local.set $key
      (array.new_default $bytes (i32.add (local.get $length) (i32.const 11))))
    (array.init_data $bytes $prefix
      (local.get $key) (i32.const 0) (i32.const 0) (i32.const 11))
    (local.set $at (i32.const 11))
    (loop $digits
      (array.set $bytes (local.get $key) (local.get $at)
        (i32.add (i32.rem_u (local.get $number) (i32.const 10)) (i32.const 48)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $digits (local.tee $number (i32.div_u (local.get $number) (i32.const 10)))))
    (local.get $key))

  (func $hash (param $key (ref $bytes)) (result i32)
    (local $hash i32) (local $at i32)
    (local.set $hash (i32.const 0x811c9dc5))
    (loop $next
      (local.set $hash
        (i32.mul
          (i32.xor (local.get $hash) (array.get_u $bytes (local.get $key) (local.get $at)))
          (i32.const 0x01000193)))
      (br_if $next
        (i32.lt_u
          (local.tee $at (i32.add (local.get $at) (i32.const 1)))
          (array.len (local.get $key)))))
    (local.get $hash))

  (func $equal (param $a (ref $bytes)) (param $b (ref $bytes)) (result i32)
    (local $at i32)
    (if (i32.ne (array.len (local.get $a)) (array.len (local.get $b)))
      (then (return (i32.const 0))))
    (loop $next
      (if (i32.ne
            (array.get_u $bytes (local.get $a) (local.get $at))
            (array.get_u $bytes (local.get $b) (local.get $at)))
        (then (return (i32.const 0))))
      (br_if $next
        (i32.lt_u
          (local.tee $at (i32.add (local.get $at) (i32.const 1)))
          (array.len (local.get $a)))))
    (i32.const 1))

  (func $slot (param $hash i32) (param $table (ref $table)) (result i32)
    (i32.and
      (i32.xor (local.get $hash) (i32.shr_u (local.get $hash) (i32.const 15)))
      (i32.sub (array.len (local.get $table)) (i32.const 1))))

  ;; Moves all entries to a table of twice the size.
  (func $grow
    (local $old (ref $table)) (local $new (ref $table)) (local $at i32) (local $slot i32)
    (local $entry (ref null $entry)) (local $next (ref null $entry))
    (local.set $old (ref.as_non_null (global.get $table)))
    (local.set $new
      (array.new_default $table (i32.mul (array.len (local.get $old)) (i32.const 2))))
    (loop $slots
      (local.set $entry (array.get $table (local.get $old) (local.get $at)))
      (block $end
        (loop $chain
          (br_if $end (ref.is_null (local.get $entry)))
          (local.set $next (struct.get $entry $next (local.get $entry)))
          (local.set $slot
            (call $slot (struct.get $entry $hash (local.get $entry)) (local.get $new)))
          (struct.set $entry $next (local.get $entry)
            (array.get $table (local.get $new) (local.get $slot)))
          (array.set $table (local.get $new) (local.get $slot) (local.get $entry))
          (local.set $entry (local.get $next))
          (br $chain)))
      (br_if $slots
        (i32.lt_u
          (local.tee $at (i32.add (local.get $at) (i32.const 1)))
          (array.len (local.get $old)))))
    (global.set $table (local.get $new)))

  ;; Counts one more for a key and answers its count.
  (func $count (param $key (ref $bytes)) (result i64)
    (local $table (ref $table)) (local $hash i32) (local $slot i32)
    (local $entry (ref null $entry))
    (local.set $hash (call $hash (local.get $key)))
    (local.set $table (ref.as_non_null (global.get $table)))
    (local.set $slot (call $slot (local.get $hash) (local.get $table)))
    (local.set $entry (array.get $table (local.get $table) (local.get $slot)))
    (block $missing
      (loop $chain
        (br_if $missing (ref.is_null (local.get $entry)))
        (if (i32.eq (struct.get $entry $hash (local.get $entry)) (local.get $hash))
          (then
            (if (call $equal (struct.get $entry $key (local.get $entry)) (local.get $key))
              (then
                (struct.set $entry $count (local.get $entry)
                  (i64.add (struct.get $entry $count (local.get $entry)) (i64.const 1)))
                (return (struct.get $entry $count (local.get $entry)))))))
        (local.set $entry (struct.get $entry $next (local.get $entry)))
        (br $chain)))
    (array.set $table (local.get $table) (local.get $slot)
      (struct.new $entry (local.get $key) (local.get $hash) (i64.const 1)
        (array.get $table (local.get $table) (local.get $slot))))
    (global.set $entries (i32.add (global.get $entries) (i32.const 1)))
    (if (i32.gt_u (global.get $entries) (array.len (local.get $table)))
      (then (call $grow)))
    (i64.const 1))

  (func (export "run") (param $n i32) (result i64)
    (local $round i32) (local $number i32) (local $sum i64)
    (global.set $table (array.new_default $table (i32.const 16)))
    (global.set $entries (i32.const 0))
    (loop $rounds
      (local.set $number (i32.const 0))
      (loop $keys
        (local.set $sum
          (i64.add
            (i64.mul (local.get $sum) (i64.const 31))
            (call $count (call $key (i32.mul (local.get $number) (i32.const 7919))))))
        (br_if $keys
          (i32.lt_u
            (local.tee $number (i32.add (local.get $number) (i32.const 1)))
            (local.get $n))))
      (br_if $rounds
        (i32.lt_u
          (local.tee $round (i32.add (local.get $round) (i32.const 1)))
          (i32.const 100))))
    (global.set $table (ref.null $table))
    (i64.xor (local.get $sum) (i64.extend_i32_u (global.get $entries)))))
