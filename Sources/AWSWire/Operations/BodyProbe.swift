// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOCore

/// Finds out what the body of a message holds, by walking an empty one.
final class BodyProbe: ShapeCoder {
    private(set) var body = OperationBinding.Body.none

    static func body<S: Shape>(of type: S.Type) -> OperationBinding.Body {
        let probe = BodyProbe()
        var shape = S()
        // This coder throws nothing itself, and a shape only passes on what its coder throws.
        try? shape.code(probe)
        return probe.body
    }

    private func note(_ field: Field, alone: OperationBinding.Body = .payload, among: OperationBinding.Body = .document)
    {
        switch field.place {
        case .payload: body = alone
        case .eventStream: body = .events
        case .body: if body == .none { body = among }
        case .path, .query, .header, .headers, .queryMap, .status: break
        }
    }

    func string(_ value: inout String?, _ field: Field) throws { note(field) }
    func enumeration<E: StringEnumeration>(_ value: inout E?, _ field: Field) throws { note(field) }
    func int(_ value: inout Int?, _ field: Field) throws { note(field) }
    func double(_ value: inout Double?, _ field: Field) throws { note(field) }
    func bool(_ value: inout Bool?, _ field: Field) throws { note(field) }
    func timestamp(_ value: inout Instant?, _ field: Field) throws { note(field) }
    func blob(_ value: inout Blob?, _ field: Field) throws { note(field) }
    func document(_ value: inout JSONValue?, _ field: Field) throws { note(field) }
    func structure<S: Shape>(_ value: inout S?, _ field: Field) throws { note(field) }
    func list<E: WireValue>(_ value: inout [E]?, _ field: Field) throws { note(field) }
    func map<V: WireValue>(_ value: inout [String: V]?, _ field: Field) throws { note(field) }
    func bytes(_ value: inout ByteStream?, _ field: Field) throws { note(field, alone: .stream, among: .stream) }
    func events<E: Shape>(_ value: inout EventStream<E>?, _ field: Field) throws {
        note(field, alone: .events, among: .events)
    }
}
