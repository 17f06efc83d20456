;; What is asynchronous keeps its names and types; what calls it is a function
;; that answers.
(component
  (import "a:b/http" (instance $http
    (export "body" (type $body (sub resource)))
    (type $parts (stream string))
    (type $result (result $parts (error error-context)))
    (export "handle" (func async
      (param "request" (own $body)) (param "trailers" (future (list u8)))
      (result $result)))))
  (type $s (stream u8))
  (core module $libc (memory (export "m") 1) (func (export "realloc") (param i32 i32 i32 i32) (result i32) (unreachable)))
  (core instance $libc (instantiate $libc))
  (core func $handle (canon lower (func $http "handle") async
    (memory (core memory $libc "m"))))
  (core func $read (canon stream.read $s async (memory (core memory $libc "m"))))
  (core module $m
    (import "" "handle" (func (param i32 i32 i32) (result i32)))
    (import "" "read" (func (param i32 i32 i32) (result i32)))
    (func (export "run") (result i32) (unreachable))
    (func (export "callback") (param i32 i32 i32) (result i32) (unreachable)))
  (core instance $i (instantiate $m (with "" (instance
    (export "handle" (func $handle)) (export "read" (func $read))))))
  (func (export "run") async
    (canon lift (core func $i "run") async (callback (core func $i "callback"))))
  (export "http" (instance $http)))
