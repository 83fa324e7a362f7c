// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import Sandbox
import Synchronization

extension ExecutionEnvironment {
    func extensionCall(_ call: ExtensionCall, _ request: RuntimeRequest) {
        switch call {
        case .refused(let error): request.reject(error)
        case .register(let name, let events, let wantsAccount):
            register(name, events, wantsAccount: wantsAccount, request)
        case .next(let id): next(id, request)
        case .fail(let id, let kind, let errorType): failed(id, kind, errorType, request)
        case .subscribe(let id, let subscription): subscribe(id, subscription, request)
        }
    }

    private func register(_ name: String, _ events: [String], wantsAccount: Bool, _ request: RuntimeRequest) {
        let id = ids.uuid()
        let (error, areRegistered) = extensions.withLockedValue { state in
            (state.session.register(name, events: events, id: id), state.session.areRegistered)
        }
        if let error { return request.reject(error) }
        if areRegistered { extensionsRegistered.open() }
        isExtended.store(true, ordering: .relaxed)
        var members: [JSONValue.Member] = [
            .init("functionName", .string(key.functionName)), .init("functionVersion", .string(key.version)),
            .init("handler", .string(handler)),
        ]
        if wantsAccount { members.append(.init("accountId", .string("\(key.scope.account)"))) }
        request.answer(
            status: .ok,
            headers: [("Lambda-Extension-Identifier", id)],
            body: JSONValue.object(members).compactBuffer
        )
    }

    private func next(_ id: String, _ request: RuntimeRequest) {
        switch extensions.withLockedValue({ $0.session.next(id, request) }) {
        case .hold: break
        case .holdInsteadOf(let earlier):
            earlier.reject(.invalidTransition(of: "", from: "Ready", to: "Ready"))
        case .hand(let event): hand(event, to: request)
        case .reject(let error): request.reject(error)
        }
        advance()
    }

    func hand(_ event: ExtensionEvent, to request: RuntimeRequest) {
        request.answer(
            status: .ok,
            headers: [("Lambda-Extension-Event-Identifier", ids.uuid())],
            body: event.body
        )
    }

    private func failed(_ id: String, _ kind: ExtensionFault, _ errorType: String, _ request: RuntimeRequest) {
        let (error, member) = extensions.withLockedValue { state in
            (state.session.fail(id, kind), state.session.members.first { $0.id == id })
        }
        if let error { return request.reject(error) }
        request.accept()
        let notice = member.map {
            ExtensionNotice(name: $0.name, state: kind.stateName, events: $0.events, errorType: errorType)
        }
        fault(kind.errorType, errorType, by: notice)
    }

    private func subscribe(_ id: String, _ subscription: TelemetrySubscription, _ request: RuntimeRequest) {
        guard let name = extensions.withLockedValue({ $0.session.name(of: id) }) else {
            return request.reject(.unknownIdentifier(id))
        }
        let courier = TelemetryCourier(
            subscription,
            keepsObjects: format.isJSON,
            clock: clock,
            eventLoop: eventLoop,
            supervisor: supervisor,
            connect: { [sandbox] port in try await sandbox.connectInside(to: port) }
        )
        guard log.telemetry.subscribe(name, courier) else {
            return request.reject(subscription.api == .logs ? .logsClosed : .telemetryClosed)
        }
        request.answer(status: .ok, body: ByteBuffer(string: #""OK""#))
        log.platform(format.subscription(name: name, subscription.api, subscription.types, at: clock.now))
        log.telemetry.post(.subscription(name: name, subscription.api, subscription.types))
    }

    func extensionDisconnected(_ request: RuntimeRequest) {
        guard isExtended.load(ordering: .relaxed) else { return }
        extensions.withLockedValue { $0.session.disconnected(request) }
    }
}
