// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1

extension ExecutionEnvironment: RuntimeAPIDelegate {
    func next(_ request: RuntimeRequest) {
        switch state.withLockedValue({ $0.session.next(request) }) {
        case .hold: break
        case .holdInitialized: runtimeBecameReady()
        case .holdInsteadOf(let earlier): earlier.reject(.invalidTransition(from: "Ready", to: "Ready"))
        case .hand(let invocation): hand(invocation, to: request)
        case .holdAfterCut(let id): finish(id: id, .failure(.truncated(requestID: id)))
        case .reject(let error): request.reject(error)
        }
    }

    func response(_ request: RuntimeRequest, id: String, body: ByteBuffer, isTooLarge: Bool) {
        if let error = state.withLockedValue({ $0.session.answer(id, to: "InvocationResponse") }) {
            return request.reject(error)
        }
        guard !isTooLarge else {
            request.reject(.tooLarge)
            return finish(id: id, .failure(.responseTooLarge(limit: LambdaLimits.responseBytes)))
        }
        request.accept()
        finish(id: id, .success(body))
    }

    func error(_ request: RuntimeRequest, id: String, body: ByteBuffer, errorType: String?) {
        if let error = state.withLockedValue({ $0.session.answer(id, to: RuntimeSession<RuntimeRequest>.errorCall) }) {
            return request.reject(error)
        }
        request.accept()
        let type = errorType ?? "Runtime.UnknownReason"
        finish(id: id, .failure(FunctionError(payload: body, errorType: type, status: .error)))
    }

    func initError(_ request: RuntimeRequest, body: ByteBuffer, errorType: String?) {
        let type = errorType ?? "Runtime.Unknown"
        let failure = InitFailure(payload: body, errorType: type, status: .error, exit: nil)
        let error = state.withLockedValue { state -> RuntimeAPIError? in
            let error = state.session.initError()
            if error == nil { state.initError = failure }
            return error
        }
        if let error { return request.reject(error) }
        request.accept()
        finishInit(.failed(failure))
    }

    func restoreNext(_ request: RuntimeRequest) {
        let now = clock.monotonicMicroseconds
        let action = state.withLockedValue { state in
            let action = state.session.restoreNext(request)
            if action == .answer { state.copiedAt = now }
            return action
        }
        switch action {
        case .rest: runtimeBecameReady()
        case .answer:
            if beginning.role == .standIn { standInIsInitialized(.microseconds(now - startedMicroseconds)) }
            request.answer(status: .ok, body: ByteBuffer())
        case .reject(let error): request.reject(error)
        }
    }

    func restoreError(_ request: RuntimeRequest, body: ByteBuffer, errorType: String?) {
        let type = errorType ?? "Runtime.Unknown"
        var failure = InitFailure(payload: body, errorType: type, status: .error, exit: nil)
        failure.isOfRestore = true
        let error = state.withLockedValue { [failure] state -> RuntimeAPIError? in
            let error = state.session.restoreError()
            if error == nil { state.initError = failure }
            return error
        }
        if let error { return request.reject(error) }
        request.accept()
        finishInit(.failed(failure))
    }

    func credentials(_ request: RuntimeRequest, authorization: String?) {
        guard let credentials = beginning.credentials else { return request.reject(.notFound) }
        supervisor.submit {
            do {
                guard let document = try await credentials.document(for: authorization) else {
                    return request.reject(.noCredentials)
                }
                request.answer(status: .ok, body: document)
            } catch {
                request.reject(.failed("The role's credentials cannot be had now"))
            }
        }
    }

    func streamBegins(id: String) -> StreamReception {
        state.withLockedValue { state in
            guard let running = state.running?.invocation, running.id == id, let relay = running.relay else {
                return .gather
            }
            return state.session.beginStream(id).map { StreamReception.refuse($0) } ?? .relay(relay)
        }
    }

    func streamEnded(_ request: RuntimeRequest, id: String, _ end: StreamEnd) {
        if case .cut = end { return state.withLockedValue { $0.session.cutStream(id) } }
        if let error = state.withLockedValue({ $0.session.endStream(id) }) { return request.reject(error) }
        switch end {
        case .whole:
            request.accept()
            finish(id: id, .success(ByteBuffer()))
        case .failed(let errorType, let body):
            request.accept()
            finish(id: id, .failure(FunctionError(payload: body, errorType: errorType, status: .error)))
        case .tooLarge:
            request.reject(.streamTooLarge)
            finish(id: id, .failure(.responseTooLarge(limit: LambdaLimits.streamBytes)))
        case .cut: break
        }
    }

    func disconnected(_ request: RuntimeRequest) {
        state.withLockedValue { $0.session.disconnected(request) }
        extensionDisconnected(request)
    }
}
