;;! resource = example:net/sockets#connection
;; The host defines the connection anew instead of passing on that of the exporter.
(component
  (type $c (resource (rep i32)))
  (export $connection "connection" (type $c))
  (core module $m (func (export "f") (param i32)))
  (core instance $i (instantiate $m))
  (func (export "close") (param "it" (own $connection)) (canon lift (core func $i "f"))))
(component
  (import "example:net/sockets" (instance $sockets
    (export "connection" (type $connection (sub resource)))))
  (alias export $sockets "connection" (type $connection))
  (import "close" (func (param "it" (own $connection)))))
