// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// Sets the event stream of an answer, and nothing else.
final class StreamFinder: ShapeCoder {
    private let body: ByteStream

    init(_ body: ByteStream) { self.body = body }

    func events<E: Shape>(_ value: inout EventStream<E>?, _ field: Field) throws {
        value = EventStreamCoding.events(in: body)
    }

    func string(_ value: inout String?, _ field: Field) throws {}
    func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws {}
    func int(_ value: inout Int?, _ field: Field) throws {}
    func double(_ value: inout Double?, _ field: Field) throws {}
    func bool(_ value: inout Bool?, _ field: Field) throws {}
    func timestamp(_ value: inout Instant?, _ field: Field) throws {}
    func blob(_ value: inout Blob?, _ field: Field) throws {}
    func document(_ value: inout JSONValue?, _ field: Field) throws {}
    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws {}
    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws {}
    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws {}
    func bytes(_ value: inout ByteStream?, _ field: Field) throws {}
}
