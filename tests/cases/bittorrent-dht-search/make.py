from traffic import *

query = b"d1:ad2:id20:aaaaaaaaaabbbbbbbbbb9:info_hash20:cccccccccceeeeeeeeeee1:q9:get_peers1:t2:xy1:y1:qe"
peers = b"d1:rd2:id20:aaaaaaaaaabbbbbbbbbb5:token2:ok6:valuesl6:\xc0\x00\x02\x02\x1a\xe2ee1:t2:xy1:y1:re"
send_udp("10.0.0.5", 6881, "192.0.2.68", 6882, query)
send_udp("192.0.2.68", 6882, "10.0.0.5", 6881, peers)
# Which query it answers is not said.
send_udp("192.0.2.68", 6882, "10.0.0.5", 6881, peers.replace(b"1:t2:xy", b""))
write()
