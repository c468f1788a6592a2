//! The calls of the service `Sockets`, but for `WaitFor` and `Transfer`.

use sockwright_client::v1::{self, AddressFamily, SocketKind};

use super::{Context, data, transfer, wait};
use crate::args::sockets::{Create, SocketVerb};
use crate::failure::Failure;
use crate::render::socket::{self, address, tcp_state};

pub(super) async fn run(cx: &mut Context, verb: SocketVerb) -> Result<(), Failure> {
    match verb {
        SocketVerb::Create(args) => create(cx, args).await,
        SocketVerb::Bind { id, local } => {
            let response = cx.client.sockets.bind(v1::BindRequest { socket: id, local: Some(local) }).await?;
            Ok(cx.out.message(response.get_ref(), |response| address(response.local.as_ref()))?)
        }
        SocketVerb::Listen { id, backlog } => {
            let response = cx.client.sockets.listen(v1::ListenRequest { socket: id, backlog }).await?;
            Ok(cx.out.message(response.get_ref(), |response| address(response.local.as_ref()))?)
        }
        SocketVerb::Accept { id, dont_wait, idempotency_key } => {
            let request = v1::AcceptRequest { socket: id, dont_wait, idempotency_key };
            let response = cx.client.sockets.accept(request).await?;
            Ok(cx.out.message(response.get_ref(), |response| response.socket.to_string())?)
        }
        SocketVerb::Connect { id, remote, dont_wait, data } => {
            let data = data.map_or(Ok(Default::default()), |data| data::read(&data))?;
            let request = v1::ConnectRequest { socket: id, remote: Some(remote), dont_wait, data };
            let response = cx.client.sockets.connect(request).await?;
            Ok(cx.out.message(response.get_ref(), |response| {
                format!("{} > {}", address(response.local.as_ref()), address(response.remote.as_ref()))
            })?)
        }
        SocketVerb::Send { id, data, all: true, .. } => send_all(cx, id, &data).await,
        SocketVerb::Send { id, data, dont_wait, urgent, .. } => {
            let request = v1::SendRequest { socket: id, data: data::read(&data)?, dont_wait, urgent };
            let response = cx.client.sockets.send(request).await?;
            Ok(cx.out.message(response.get_ref(), |response| response.accepted.to_string())?)
        }
        SocketVerb::Recv { id, max, min, peek, dont_wait, until_end } => {
            let request = v1::RecvRequest { socket: id, max_bytes: max, min_bytes: min, peek, dont_wait };
            recv(cx, request, until_end).await
        }
        SocketVerb::SendTo { id, remote, data } => {
            let request = v1::SendToRequest { socket: id, remote: Some(remote), data: data::read(&data)? };
            let response = cx.client.sockets.send_to(request).await?;
            Ok(cx.out.message(response.get_ref(), |response| address(response.local.as_ref()))?)
        }
        SocketVerb::RecvFrom { id, max, peek, dont_wait } => {
            recv_from(cx, v1::RecvFromRequest { socket: id, max_bytes: max, peek, dont_wait }).await
        }
        SocketVerb::Transfer { id, keep_open } => transfer::run(cx, id, keep_open).await,
        SocketVerb::Shutdown { id, how } => {
            let response =
                cx.client.sockets.shutdown(v1::ShutdownRequest { socket: id, how: how.into() }).await?;
            Ok(cx.out.message(response.get_ref(), |response| tcp_state(response.tcp_state()))?)
        }
        SocketVerb::Close { id } => {
            let response = cx.client.sockets.close(v1::CloseRequest { socket: id }).await?;
            Ok(cx.out.message(response.get_ref(), |response| tcp_state(response.tcp_state()))?)
        }
        SocketVerb::Abort { id } => {
            let response = cx.client.sockets.abort(v1::AbortRequest { socket: id }).await?;
            Ok(cx.out.message(response.get_ref(), |_| String::new())?)
        }
        SocketVerb::Set { id, options } => {
            let request = v1::SetOptionsRequest { socket: id, options: Some(options.into()) };
            let response = cx.client.sockets.set_options(request).await?;
            Ok(cx.out.message(response.get_ref(), |_| String::new())?)
        }
        SocketVerb::Get { id } => {
            let response = cx.client.sockets.get_options(v1::GetOptionsRequest { socket: id }).await?;
            Ok(cx.out.message(response.get_ref(), |response| {
                socket::options(response.options.as_ref().unwrap_or(&v1::SocketOptions::default()))
            })?)
        }
        SocketVerb::Info { id } => {
            let response = cx.client.sockets.get_info(v1::GetInfoRequest { socket: id }).await?;
            Ok(cx.out.message(response.get_ref(), socket::info)?)
        }
        SocketVerb::List { filter } => list(cx, filter.into()).await,
        SocketVerb::Wait(args) => wait::run(cx, args).await,
    }
}

async fn create(cx: &mut Context, args: Create) -> Result<(), Failure> {
    let request = v1::CreateRequest {
        stack: args.stack,
        kind: if args.udp { SocketKind::Datagram } else { SocketKind::Stream }.into(),
        family: if args.v6 { AddressFamily::Ipv6 } else { AddressFamily::Ipv4 }.into(),
        label: args.label,
        session: args.session,
        options: Some(args.options.into()),
        idempotency_key: args.idempotency_key,
    };
    let response = cx.client.sockets.create(request).await?;
    Ok(cx.out.message(response.get_ref(), |response| response.socket.to_string())?)
}

async fn send_all(cx: &mut Context, socket: u64, data: &str) -> Result<(), Failure> {
    let data = data::read(data)?;
    let accepted =
        u32::try_from(data.len()).map_err(|_| Failure::Other("4 GiB and more: use transfer".into()))?;
    let response = v1::SendResponse { accepted, at: cx.client.send_all(socket, data).await? };
    Ok(cx.out.message(&response, |response| response.accepted.to_string())?)
}

async fn recv(cx: &mut Context, request: v1::RecvRequest, until_end: bool) -> Result<(), Failure> {
    loop {
        let response = cx.client.sockets.recv(request).await?.into_inner();
        if cx.out.is_json() {
            cx.out.message(&response, |_| String::new())?;
        } else {
            cx.out.bytes(&response.data)?;
        }
        if !until_end || response.end_of_stream {
            return Ok(());
        }
    }
}

async fn recv_from(cx: &mut Context, request: v1::RecvFromRequest) -> Result<(), Failure> {
    let response = cx.client.sockets.recv_from(request).await?.into_inner();
    if cx.out.is_json() {
        return Ok(cx.out.message(&response, |_| String::new())?);
    }
    let cut = if response.truncated { ", cut" } else { "" };
    eprintln!("from {}{cut}", address(response.remote.as_ref()));
    Ok(cx.out.bytes(&response.data)?)
}

async fn list(cx: &mut Context, filter: v1::Filter) -> Result<(), Failure> {
    let sockets = cx.client.list_sockets(filter).await?;
    if !cx.out.is_json() {
        return Ok(cx.out.line(&socket::list(&sockets))?);
    }
    for socket in &sockets {
        cx.out.message(socket, |_| String::new())?;
    }
    Ok(())
}
