;; A handler that was built against an older version of the request.
(component
  (component $handler
    (type $r (record (field "url" string) (field "headers" (list (tuple string string)))))
    (export $request "request" (type $r))
    (core module $m
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
      (func (export "handle") (param i32 i32 i32 i32 i32) (result i32) unreachable))
    (core instance $i (instantiate $m))
    (func (export "handle") (param "req" $request) (param "retries" u8) (result u32)
      (canon lift (core func $i "handle") (memory (core memory $i "memory"))
        (realloc (core func $i "realloc")))))
  (instance $handler (instantiate $handler))
  (export "example:http/handler@1.0.0" (instance $handler)))
(component
  (import "example:http/handler@1.0.0" (instance
    (type $r (record (field "url" string) (field "headers" (list (tuple string (list u8))))))
    (export "request" (type $request (eq $r)))
    (export "handle" (func (param "req" $request) (param "retries" u8) (result u16))))))
