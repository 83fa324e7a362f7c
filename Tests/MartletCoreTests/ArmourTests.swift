// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Testing

@Suite("Base 64")
struct Base64Tests {
    @Test(
        "of RFC 4648",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ]
    )
    func vectors(text: String, armoured: String) {
        #expect(Base64.encode(Array(text.utf8)) == armoured)
        #expect(Base64.decode(armoured) == Array(text.utf8))
    }

    @Test("of all bytes reads back, in both alphabets")
    func allBytes() {
        for length in 0..<64 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 251) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(Base64.decode(Base64.encode(bytes, alphabet: .urlSafe)) == bytes)
        }
    }

    @Test("of the URL alphabet has neither padding nor slashes")
    func urlSafe() {
        #expect(Base64.encode([0xff, 0xfe, 0xfd, 0xfc], alphabet: .urlSafe) == "__79_A")
    }

    @Test(
        "with anything else in it is nothing",
        arguments: ["Z", "Zg=", "Zm9v=", "Z===", "Zm 9v", "Zm9v\n", "Zm9*", "=", "====", "é"]
    )
    func malformed(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test("with a foreign byte in it is nothing, wherever it stands")
    func foreignBytes() {
        let letters = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_".utf8)
        for byte in 0...255 as ClosedRange<UInt8> where !letters.contains(byte) {
            for length in [12, 14, 15] {
                for place in 0..<length - 1 {
                    var text = [UInt8](repeating: 0x41, count: length)
                    text[place] = byte
                    #expect(Base64.decode(bytes: text) == nil, "\(byte) at \(place) of \(length)")
                }
            }
        }
    }
}

@Suite("Hexadecimal digits")
struct HexTests {
    @Test("read and print")
    func roundTrip() {
        let bytes = (0...255).map { UInt8($0) }
        #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        #expect(Hex.decode("aAfF09") == [0xaa, 0xff, 0x09])
        #expect(Hex.encode([0x0a, 0xf0]) == "0af0")
    }

    @Test("come in pairs and are nothing else", arguments: ["0", "0g", "0x", " 0", "éé"])
    func malformed(text: String) {
        #expect(Hex.decode(text) == nil)
    }
}

@Suite("A page token")
struct PageTokenTests {
    @Test("gives back its keys", arguments: [["a"], ["", "b"], ["é", "/", "z"]])
    func roundTrip(keys: [String]) {
        #expect(PageToken.decode(PageToken.encode(keys), count: keys.count) == keys)
    }

    @Test("with another number of keys is none")
    func count() {
        #expect(PageToken.decode(PageToken.encode(["a", "b"]), count: 1) == nil)
        #expect(PageToken.decode(PageToken.encode(["a"]), count: 2) == nil)
    }

    @Test("that nobody made is none")
    func foreign() {
        #expect(PageToken.decode("not a token!", count: 1) == nil)
        #expect(PageToken.decode("_w", count: 1) == nil)
        #expect(PageToken.decode(String(repeating: "A", count: 5_000), count: 1) == nil)
    }
}

/// Counts up, so that tests know what comes.
private struct CountingIDs: IDSource {
    let first: UInt8
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { first &+ UInt8(truncatingIfNeeded: $0) } }
}

@Suite("Ids")
struct IDSourceTests {
    @Test("a UUID is of version 4")
    func uuid() {
        #expect(CountingIDs(first: 0).uuid() == "00010203-0405-4607-8809-0a0b0c0d0e0f")
        let uuid = Array(SystemIDSource().uuid())
        #expect(uuid.count == 36)
        #expect(uuid[14] == "4")
        #expect("89ab".contains(uuid[19]))
    }

    @Test("a token has its length and only letters of its alphabet, none of them favoured")
    func tokens() {
        // 256 is no multiple of 10: the bytes 250 to 255 must be skipped, here two of each three.
        #expect(CountingIDs(first: 249).token(3, from: "0123456789") == "999")
        let token = SystemIDSource().token(1_000)
        #expect(token.count == 1_000)
        #expect(token.allSatisfy { "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".contains($0) })
    }

    @Test("hexadecimal digits come in any number", arguments: [0, 1, 2, 17])
    func hex(digits: Int) {
        #expect(SystemIDSource().hex(digits).count == digits)
    }

    @Test("do not repeat")
    func distinct() {
        #expect(Set((0..<1_000).map { _ in SystemIDSource().uuid() }).count == 1_000)
    }
}
