;; 31-bit integers: the queens on an n×n board, with boards as lists of columns, each
;; a cell of two references under eq as compilers of dynamic languages make them.
;; run(n) answers the number of solutions and a hash of all of them.
(module
  (type $cell (sub (struct (field $head (ref eq)) (field $tail (ref null eq)))))
  (global $size (mut i32) (i32.const 0))
  (global $count (mut i64) (i64.const 0))
  (global $hash (mut i64) (i64.const 0))

  ;; Whether a queen in column fits to those placed in the rows above.
  (func $fits (param $column (ref eq)) (param $board (ref null eq)) (result i32)
    (local $cell (ref $cell)) (local $distance i32) (local $wanted i32) (local $placed i32)
    (local.set $wanted (i31.get_s (ref.cast (ref i31) (local.get $column))))
    (block $end
      (loop $next
        (br_if $end (ref.is_null (local.get $board)))
        (local.set $cell (ref.cast (ref $cell) (local.get $board)))
        (local.set $distance (i32.add (local.get $distance) (i32.const 1)))
        (local.set $placed
          (i31.get_s (ref.cast (ref i31) (struct.get $cell $head (local.get $cell)))))
        (if (i32.eq (local.get $placed) (local.get $wanted)) (then (return (i32.const 0))))
        (if (i32.eq
              (i32.add (local.get $placed) (local.get $distance))
              (local.get $wanted))
          (then (return (i32.const 0))))
        (if (i32.eq
              (i32.sub (local.get $placed) (local.get $distance))
              (local.get $wanted))
          (then (return (i32.const 0))))
        (local.set $board (struct.get $cell $tail (local.get $cell)))
        (br $next)))
    (i32.const 1))

  (func $note (param $board (ref null eq))
    (local $cell (ref $cell))
    (global.set $count (i64.add (global.get $count) (i64.const 1)))
    (block $end
      (loop $next
        (br_if $end (ref.is_null (local.get $board)))
        (local.set $cell (ref.cast (ref $cell) (local.get $board)))
        (global.set $hash
          (i64.add
            (i64.mul (global.get $hash) (i64.const 31))
            (i64.extend_i32_s
              (i31.get_s (ref.cast (ref i31) (struct.get $cell $head (local.get $cell)))))))
        (local.set $board (struct.get $cell $tail (local.get $cell)))
        (br $next))))

  (func $place (param $row i32) (param $board (ref null eq))
    (local $column i32) (local $boxed (ref eq))
    (if (i32.eq (local.get $row) (global.get $size))
      (then (call $note (local.get $board)) (return)))
    (loop $next
      (local.set $boxed (ref.i31 (local.get $column)))
      (if (call $fits (local.get $boxed) (local.get $board))
        (then
          (call $place
            (i32.add (local.get $row) (i32.const 1))
            (struct.new $cell (local.get $boxed) (local.get $board)))))
      (local.set $column (i32.add (local.get $column) (i32.const 1)))
      (br_if $next (i32.lt_s (local.get $column) (global.get $size)))))

  (func (export "run") (param $n i32) (result i64)
    (global.set $size (local.get $n))
    (global.set $count (i64.const 0))
    (global.set $hash (i64.const 0))
    (call $place (i32.const 0) (ref.null none))
    (i64.xor (global.get $hash) (i64.shl (global.get $count) (i64.const 40)))))
