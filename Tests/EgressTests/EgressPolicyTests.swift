// SPDX-License-Identifier: Apache-2.0
import MartletTesting
import NIOCore
import Testing

@testable import Egress

@Suite("What a way out leads to") struct EgressPolicyTests {
    private func address(_ text: String) throws -> UInt32 { try #require(AddressBlock.address(text)) }

    @Test(
        "this host, metadata services and what is no one machine are never reached",
        arguments: [
            "127.0.0.1", "127.255.1.2", "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.170.2", "100.100.100.200",
            "168.63.129.16", "192.0.0.192", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "10.9.8.7",
        ]
    )
    func closed(text: String) throws {
        let own = try address("10.9.8.7")
        #expect(!EgressPolicy().permits(try address(text), port: 80, own: [own]))
    }

    @Test(
        "everything else is",
        arguments: ["8.8.8.8", "10.9.8.8", "192.168.1.1", "172.17.0.2", "128.0.0.1", "223.255.255.255"]
    )
    func open(text: String) throws {
        let own = try address("10.9.8.7")
        #expect(EgressPolicy().permits(try address(text), port: 80, own: [own]))
    }

    @Test("what is allowed by name is reached, at its port only, and nothing beside it")
    func allowed() throws {
        let own = try address("10.9.8.7")
        let policy = EgressPolicy(
            allowed: [try #require(AddressBlock("10.9.8.7:5432")), try #require(AddressBlock("169.254.169.0/24"))]
        )
        #expect(policy.permits(own, port: 5_432, own: [own]))
        #expect(!policy.permits(own, port: 4_566, own: [own]))
        #expect(policy.permits(try address("169.254.169.254"), port: 80, own: [own]))
        #expect(!policy.permits(try address("169.254.170.2"), port: 80, own: [own]))
    }

    @Test("ranges are read as they are written")
    func ranges() {
        for text in ["10.0.0.0/8", "1.2.3.4", "1.2.3.4:80", "0.0.0.0/0", "192.168.0.0/16:443"] {
            #expect(AddressBlock(text)?.description == text)
        }
    }

    @Test(
        "what is no range is refused",
        arguments: [
            "", "10", "10.0.0", "10.0.0.0.0", "10.0.0.256", "10.0.0.-1", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/8",
            "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.0:0", "10.0.0.0:65536", "10.0.0.0:", "a.b.c.d", "::1", "10.0.0.0/8:x",
            "+1.2.3.4", "999999999999999999999.1.1.1", "1.2.3.4:80:80",
        ]
    )
    func noRange(text: String) { #expect(AddressBlock(text) == nil) }

    @Test("name servers are read as a C library reads them")
    func resolvers() {
        let text = """
            # nameserver 9.9.9.9
            search example.com
            nameserver 10.0.0.2
            nameserver\t10.0.0.3 # second
            nameserver nonsense
            nameserver fd00::1
            nameserver 10.0.0.4
            """
        let found = HostAddresses.resolvers(in: text)
        #expect(found.map(\.ipAddress) == ["10.0.0.2", "10.0.0.3", "fd00::1"])
        #expect(found.allSatisfy { $0.port == 53 })
        #expect(HostAddresses.resolvers(in: "").map(\.ipAddress) == ["127.0.0.1"])
    }
}
